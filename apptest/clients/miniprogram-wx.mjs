// A wx like that of a mini program, with storage in a file and requests that can fail; and
// the SDK, loaded where there is neither window nor fetch.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const code = readFileSync(fileURLToPath(new URL('../../sdk/miniprogram/touchstone.js', import.meta.url)), 'utf8')

export function fakeWx(file) {
  const stored = new Map(file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [])
  const keep = () => file && writeFileSync(file, JSON.stringify([...stored]))
  const on = {}
  const wx = {
    online: true,
    requests: [],
    stored,
    on,
    getStorageSync: (key) => stored.get(key) ?? '',
    setStorageSync: (key, value) => {
      stored.set(key, value)
      keep()
    },
    removeStorageSync: (key) => {
      stored.delete(key)
      keep()
    },
    request(options) {
      wx.requests.push({ at: Date.now(), bytes: Buffer.byteLength(options.data), url: options.url })
      if (!wx.online) return setTimeout(() => options.fail({ errMsg: 'request:fail' }), 1)
      fetch(options.url, { method: options.method, body: options.data, headers: options.header }).then(
        async (r) => options.success({ statusCode: r.status, header: Object.fromEntries(r.headers), data: await r.text() }),
        () => options.fail({ errMsg: 'request:fail' }),
      )
    },
    getDeviceInfo: () => ({ brand: 'Xiaomi', model: '14 Pro', system: 'Android 14', platform: 'android' }),
    getWindowInfo: () => ({ screenWidth: 393, screenHeight: 873, pixelRatio: 2.75 }),
    getAppBaseInfo: () => ({ language: 'zh_CN', SDKVersion: '3.4.0' }),
    getAccountInfoSync: () => ({ miniProgram: { appId: 'wx1234', version: '2.1.0', envVersion: 'release' } }),
    getNetworkType: ({ success }) => success({ networkType: '5g' }),
    getEnterOptionsSync: () => ({ path: 'pages/index', scene: 1037, query: { utm_source: 'moments', utm_campaign: 'autumn' }, referrerInfo: { appId: 'wx9999' } }),
    onAppShow: (fn) => (on.show = fn),
    onAppHide: (fn) => (on.hide = fn),
    onNetworkStatusChange: (fn) => (on.network = fn),
  }
  return wx
}

/** A fresh start of the program: nothing of an earlier one is in memory. */
export function loadSDK(wx) {
  const module = { exports: {} }
  const warnings = []
  const getCurrentPages = () => [{ route: 'pages/index' }, { route: 'pages/model/detail' }]
  const timers = { setTimeout: (fn, ms) => setTimeout(fn, ms).unref(), clearTimeout }
  vm.runInNewContext(code, { wx, module, getCurrentPages, console: { warn: (text) => warnings.push(text) }, ...timers })
  return { analytics: module.exports, warnings }
}

export async function until(what, ok, ms = 120_000) {
  for (const end = Date.now() + ms; !ok(); ) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`)
    await new Promise((done) => setTimeout(done, 5))
  }
}
