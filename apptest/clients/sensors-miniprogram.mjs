// Runs sa-sdk-miniprogram, unmodified, on a fake wx.
// Usage: node sensors-miniprogram.mjs SERVER_URL
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import vm from 'node:vm'
import { fakeWx, until } from './miniprogram-wx.mjs'

const sdk = dirname(createRequire(import.meta.url).resolve('sa-sdk-miniprogram/package.json'))
const wx = fakeWx()
const info = { brand: 'Xiaomi', model: '14 Pro', system: 'Android 14', platform: 'android', screenWidth: 393, screenHeight: 873, SDKVersion: '3.4.0', version: '8.0' }
const told = (result) => ({ success, complete } = {}) => [success, complete].forEach((fn) => fn?.(result))
const answers = []
let sent = ''
const { request } = wx
Object.assign(wx, {
  canIUse: () => true,
  getSystemInfo: told(info),
  getSystemInfoSync: () => info,
  getNetworkType: told({ networkType: 'wifi' }),
  getLaunchOptionsSync: wx.getEnterOptionsSync,
  getStorage: ({ key, success, fail, complete }) => {
    const data = wx.getStorageSync(key)
    if (data) success?.({ data })
    else fail?.({})
    complete?.({ data })
  },
  setStorage: ({ key, data, success }) => {
    wx.setStorageSync(key, data)
    success?.()
  },
  request: (options) => {
    sent += Buffer.from(decodeURIComponent(options.data.replace('data_list=', '')), 'base64')
    request({
      ...options,
      fail: options.fail ?? (() => {}),
      success: (r) => {
        answers.push(r.statusCode)
        options.success?.(r)
      },
    })
  },
})
const module = { exports: {} }
const host = { wx, module, exports: module.exports, getCurrentPages: () => [{ route: 'pages/index', options: {} }], getApp: () => ({}) }
for (const name of ['App', 'Page', 'Component', 'Behavior']) host[name] = (options) => options
host.console = { log() {}, info() {}, warn() {}, error: console.error }
Object.assign(host, { setTimeout, clearTimeout, setInterval, clearInterval, global: host })
vm.runInNewContext(readFileSync(join(sdk, 'sensorsdata.min.js'), 'utf8'), host)
const sensors = module.exports.default ?? module.exports
sensors.setPara({ name: 'sensors', server_url: process.argv[2], batch_send: { send_timeout: 300, max_length: 50 }, show_log: false })
sensors.init()
sensors.track('Viewed', { model: 'S1' })
sensors.setProfile({ nickname: '小明' })
sensors.incrementProfile({ score: 3 })
sensors.login('mini-7')
sensors.track('Booked', {})
sensors.bindUnionid('un-7')
await until('the data is sent', () => sent.includes('un-7') && answers.length === wx.requests.length)
if (answers.some((status) => status !== 200)) throw new Error(String(answers))
process.exit(0)
