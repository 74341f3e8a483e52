// Touchstone for WeChat mini programs: what touchstone.js, the file to ship, is made of
// (`make sdk`). docs/api/miniprogram.md tells how to use it.
//
// Each event has a key of its own in storage, KEY + number, and `me` (under KEY) says which
// numbers wait. A call returns when its event is stored; the event leaves the storage when
// the server has answered that it is on disk. So a killed program loses nothing, and what it
// sends twice has the same messageId.
const KEY = 'touchstone'
const MAX_EVENT = 32000
const MAX_BATCH = 480000
let api, conf // wx, or what stands for it; the options
let me // who this is, and which events wait
let queue, size // the waiting events, and their bytes
let batch, tries, notBefore, busy, timer // of sending
let network, enter // what the program was told about its surroundings

const id = () => {
  let s = Date.now().toString(36) + '-'
  while (s.length < 30) s += Math.floor(Math.random() * 36).toString(36)
  return s
}
const warn = (text) => console.warn('touchstone: ' + text)
const call = (name, arg) => {
  try { return (api[name] && api[name](arg)) || {} } catch (e) { return {} }
}
const read = (key) => { try { return api.getStorageSync(key) } catch (e) { return '' } }
const write = (key, value) => { try { api.setStorageSync(key, value) } catch (e) { warn('storage: ' + (e.errMsg || e)) } }
const save = () => write(KEY, JSON.stringify(me))
const bytes = (s) => {
  let n = s.length
  for (let i = 0; i < s.length; i++) { const c = s.charCodeAt(i); if (c > 127) n += c > 2047 ? 2 : 1 }
  return n
}

function init(options) {
  conf = Object.assign({ flushAt: 20, flushInterval: 5000, maxQueue: 1000, maxBytes: 2e6 }, options)
  conf.host = String(conf.host).replace(/\/+$/, '')
  const fresh = !api
  api = conf.wx || wx
  clearTimeout(timer)
  queue = []
  size = tries = notBefore = busy = 0
  batch = 100
  timer = null
  try { me = JSON.parse(read(KEY)) } catch (e) { me = null }
  me = Object.assign({ anonymousId: id(), userId: '', traits: {}, groupId: '', ids: {}, head: 0, tail: 0, dropped: 0 }, me)
  for (let n = me.head; n < me.tail; n++) {
    const text = read(KEY + n)
    if (text) push(n, text)
  }
  save()
  enter = call('getEnterOptionsSync')
  if (!enter.scene) enter = call('getLaunchOptionsSync')
  call('getNetworkType', { success: (r) => { network = r.networkType } })
  if (fresh) {
    call('onAppShow', (o) => { enter = o || enter; flush() })
    call('onAppHide', flush)
    call('onNetworkStatusChange', (r) => {
      network = r.networkType
      if (r.isConnected && tries) { tries = notBefore = 0; flush() }
    })
  }
  if (queue.length) flush()
  return analytics
}

function push(n, text) {
  const b = bytes(text) + 1
  queue.push({ n, text, b })
  size += b
}

function take(count) {
  for (const e of queue.splice(0, count)) {
    size -= e.b
    call('removeStorageSync', KEY + e.n)
    me.head = e.n + 1
  }
  save()
}

function context(extra) {
  const device = Object.assign({}, api.getDeviceInfo ? call('getDeviceInfo') : call('getSystemInfoSync'))
  const screen = api.getWindowInfo ? call('getWindowInfo') : device
  const base = api.getAppBaseInfo ? call('getAppBaseInfo') : device
  const app = call('getAccountInfoSync').miniProgram || {}
  const os = /^(\S+)\s*(.*)$/.exec(device.system || '') || []
  const from = enter || {}
  const pages = typeof getCurrentPages === 'function' ? getCurrentPages() : []
  const page = pages[pages.length - 1] || {}
  const q = from.query || {}
  const campaign = {}
  for (const k in q) if (/^utm_/.test(k)) campaign[k === 'utm_campaign' ? 'name' : k.slice(4)] = q[k]
  const ids = Object.keys(me.ids).map((k) => ({ type: k, id: me.ids[k], collection: 'users' }))
  const c = {
    library: { name: 'touchstone-miniprogram', version: '1.0.0' },
    channel: 'mini_program', platform: 'mini_program', locale: base.language, scene: from.scene,
    app: { namespace: app.appId, version: app.version, build: app.envVersion },
    os: { name: os[1], version: os[2] }, device: { manufacturer: device.brand, model: device.model },
    screen: { width: screen.screenWidth, height: screen.screenHeight, density: screen.pixelRatio },
    network: { type: network }, page: { path: page.route || from.path },
  }
  if (from.referrerInfo && from.referrerInfo.appId) c.referrer = { type: 'mini_program', id: from.referrerInfo.appId }
  if (Object.keys(campaign).length) c.campaign = campaign
  if (ids.length) c.externalIds = ids
  return Object.assign(c, extra)
}

function send(type, fields, options) {
  const e = Object.assign({
    type, messageId: id(), timestamp: new Date().toISOString(), anonymousId: me.anonymousId, userId: me.userId || undefined,
    context: context(options && options.context),
  }, fields)
  const text = JSON.stringify(e)
  if (bytes(text) > MAX_EVENT) return warn('left out, over ' + MAX_EVENT + ' bytes: ' + (e.event || type))
  write(KEY + me.tail, text)
  push(me.tail++, text)
  let over = 0
  for (let b = size; queue.length - over > conf.maxQueue || b > conf.maxBytes; over++) b -= queue[over].b
  me.dropped += over
  if (over) warn('queue full, ' + me.dropped + ' oldest left out')
  if (over) take(over)
  else save()
  if (queue.length >= conf.flushAt) flush()
  else later(conf.flushInterval)
}

function later(ms) {
  if (!timer) timer = setTimeout(() => { timer = null; flush() }, ms)
}

function wait(ms) {
  notBefore = Date.now() + ms
  clearTimeout(timer)
  timer = null
  later(ms)
}

function flush() {
  const now = Date.now()
  if (!conf || !queue.length || now - busy < 60000) return
  if (now < notBefore) return later(notBefore - now)
  let count = 0, b = 0
  while (count < Math.min(batch, queue.length) && b + queue[count].b <= MAX_BATCH) b += queue[count++].b
  const mine = (busy = now + Math.random())
  const last = queue[count - 1].n
  const done = (status, headers) => {
    if (busy !== mine) return // given up before
    busy = 0
    count = queue.filter((e) => e.n <= last).length // the oldest may be gone
    if (status >= 200 && status < 300) {
      tries = 0
      batch = Math.min(100, batch * 2)
      take(count)
      return flush()
    }
    if (status === 400 || status === 413) { // one of them is bad: halve until it is alone
      if (count > 1) batch = Math.ceil(count / 2)
      else { warn('refused, left out: ' + queue[0].text.slice(0, 200)); take(1) }
      return flush()
    }
    let after = 0
    for (const k in headers || {}) if (k.toLowerCase() === 'retry-after') after = +headers[k] * 1000
    wait(after || (status === 401 || status === 403 ? 300000 : Math.min(300000, 1000 * Math.pow(2, tries++) * (0.75 + Math.random() / 2))))
  }
  api.request({
    url: conf.host + '/v1/batch', method: 'POST', timeout: 30000, dataType: 'text', header: { 'content-type': 'application/json' },
    data: '{"writeKey":' + JSON.stringify(conf.writeKey) + ',"sentAt":"' + new Date().toISOString() + '","batch":[' +
      queue.slice(0, count).map((e) => e.text).join(',') + ']}',
    success: (r) => done(r.statusCode, r.header),
    fail: () => done(0),
  })
}

const ready = (fn) => (...args) => (conf ? fn(...args) : warn('call init first'))

const view = (type) => (category, name, properties, options) => {
  if (typeof category === 'object') [properties, options, category] = [category, name, undefined]
  else if (typeof name !== 'string') [name, properties, options, category] = [category, name, properties, undefined]
  send(type, { name, properties: Object.assign(category ? { category } : {}, properties) }, options)
}

const analytics = {
  init, flush,
  page: ready(view('page')),
  screen: ready(view('screen')),
  track: ready((event, properties, options) => send('track', { event, properties }, options)),
  identify: ready((userId, traits, options) => {
    if (userId && typeof userId === 'object') [userId, traits, options] = ['', userId, traits]
    if (userId) {
      if (me.userId && me.userId !== String(userId)) me.traits = {}
      me.userId = String(userId)
    }
    me.traits = Object.assign(me.traits, traits)
    send('identify', { traits: me.traits }, options)
  }),
  group: ready((groupId, traits, options) => {
    me.groupId = String(groupId)
    send('group', { groupId: me.groupId, traits }, options)
  }),
  alias: ready((userId, previousId, options) =>
    send('alias', { userId: String(userId), previousId: previousId || me.userId || me.anonymousId }, options)),
  ids: ready((more) => { Object.assign(me.ids, more); save() }), // { openid, unionid }: in every later event
  anonymousId: ready(() => me.anonymousId),
  queued: ready(() => ({ events: queue.length, dropped: me.dropped })),
  reset: ready(() => {
    Object.assign(me, { anonymousId: id(), userId: '', traits: {}, groupId: '', ids: {} })
    save()
  }),
}
module.exports = analytics
