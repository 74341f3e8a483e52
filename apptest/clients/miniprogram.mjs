// Drives the mini-program SDK, as it is shipped, against a running server: all calls,
// offline, killed, told to wait, with a full queue and with events that nobody takes.
// Usage: node miniprogram.mjs SERVER WRITE_KEY
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeWx, loadSDK, until } from './miniprogram-wx.mjs'

const [server, writeKey] = process.argv.slice(2)

// A proxy that answers in the server's place while `act` says how.
let act = null
const proxy = createServer(async (req, res) => {
  const parts = []
  for await (const part of req) parts.push(part)
  const body = Buffer.concat(parts).toString()
  const answer = act?.(body)
  if (answer?.status) return res.writeHead(answer.status, answer.headers).end()
  const r = await fetch(server + req.url, { method: req.method, body, headers: { 'content-type': 'application/json' } })
  if (answer?.swallow) return // the server has it, the client never learns
  res.writeHead(r.status).end(await r.text())
})
proxy.listen(0, '127.0.0.1')
await once(proxy, 'listening')
const host = `http://127.0.0.1:${proxy.address().port}`
const start = (wx, options) => {
  const { analytics, warnings } = loadSDK(wx)
  analytics.init({ host, writeKey, flushInterval: 30, ...options })
  return { analytics, warnings }
}
const empty = (analytics) => until('the queue is sent', () => analytics.queued().events === 0)

const scenarios = {
  async everyCall() {
    const wx = fakeWx()
    const { analytics } = start(wx, { flushInterval: 60_000 })
    const anonymousId = analytics.anonymousId()
    analytics.page('Models', 'All models', { filter: 'suv' })
    analytics.screen('Detail')
    analytics.track('Viewed', { price: 12.5 })
    analytics.identify('mp-1', { nickname: '小明' })
    analytics.identify({ city: '上海' })
    analytics.ids({ openid: 'o-1', unionid: 'un-1' })
    analytics.track('Booked', { store: '上海一店' })
    analytics.group('dealer-7', { plan: 'gold' })
    analytics.alias('mp-1', 'mp-legacy')
    assert.equal(wx.requests.length, 0, 'nothing is sent before there is a reason')
    wx.on.hide()
    await empty(analytics)
    assert.equal(wx.requests.length, 1)
    analytics.reset()
    assert.notEqual(analytics.anonymousId(), anonymousId)
    assert.deepEqual([...wx.stored.keys()], ['touchstone'], 'only its own record stays in storage')
    return { anonymousId }
  },

  async offlineThenOnline() {
    const wx = fakeWx()
    wx.online = false
    const { analytics } = start(wx)
    analytics.identify('mp-offline')
    for (let i = 0; i < 3; i++) analytics.track(`Offline ${i}`)
    await until('a request failed', () => wx.requests.length > 0)
    assert.equal(analytics.queued().events, 4)
    wx.online = true
    wx.on.network({ isConnected: true, networkType: 'wifi' })
    await empty(analytics)
  },

  async killed() {
    const dir = mkdtempSync(join(tmpdir(), 'miniprogram-'))
    const file = join(dir, 'storage.json')
    const run = async (word, ...events) => {
      const child = spawn(process.execPath, ['miniprogram-app.mjs', host, writeKey, file, ...events], { stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      child.stdout.on('data', (text) => (out += text))
      await until(`the program says ${word}`, () => out.includes(word))
      return child
    }
    const kill = async (child) => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    let seen = 0
    act = (body) => ({ swallow: body.includes('Before the kill') && ++seen > 0 })
    const first = await run('tracked', 'Before the kill')
    await until('the server has it', () => seen > 0)
    await kill(first) // before it learns
    act = () => ({ status: 503 })
    await kill(await run('tracked', 'Killed unsent'))
    act = null
    await kill(await run('sent', 'After the kill'))
    rmSync(dir, { recursive: true })
  },

  async toldToWait() {
    const wx = fakeWx()
    const { analytics } = start(wx)
    const answers = [{ status: 503, headers: { 'Retry-After': '1' } }, { status: 429, headers: { 'retry-after': '1' } }, { status: 500 }]
    act = () => answers.shift()
    analytics.identify('mp-wait')
    analytics.track('Waited')
    await empty(analytics)
    const gaps = wx.requests.slice(1).map((r, i) => r.at - wx.requests[i].at)
    assert.equal(gaps.length, 3)
    assert.ok(gaps[0] >= 990 && gaps[1] >= 990, `Retry-After was 1 s, it waited ${gaps}`)
    assert.ok(gaps[2] >= 700 && gaps[2] < 5000, `after a 500 it waited ${gaps[2]} ms`)
  },

  async fullQueue() {
    const wx = fakeWx()
    wx.online = false
    const { analytics, warnings } = start(wx, { maxQueue: 10, flushAt: 1000 })
    analytics.identify('mp-full')
    for (let i = 0; i < 24; i++) analytics.track(`Full ${i}`)
    assert.deepEqual({ ...analytics.queued() }, { events: 10, dropped: 15 })
    assert.equal([...wx.stored.keys()].length, 11, 'as many in storage')
    assert.match(warnings.at(-1), /15 oldest/)
    wx.online = true
    wx.on.network({ isConnected: true })
    analytics.flush()
    await empty(analytics)
  },

  async refused() {
    const wx = fakeWx()
    const { analytics, warnings } = start(wx, { flushAt: 1000 })
    act = (body) => (body.includes('Poison') ? { status: 400 } : undefined)
    analytics.identify('mp-refused')
    for (let i = 0; i < 6; i++) analytics.track(`Good ${i}`)
    analytics.track('Poison')
    analytics.track('Huge', { text: '车'.repeat(20_000) })
    for (let i = 6; i < 9; i++) analytics.track(`Good ${i}`)
    analytics.flush()
    await empty(analytics)
    assert.ok(warnings.some((w) => w.includes('refused')) && warnings.some((w) => w.includes('Huge')), String(warnings))
  },

  async largeBatches() {
    const wx = fakeWx()
    wx.online = false
    const { analytics } = start(wx, { flushAt: 1000 })
    analytics.identify('mp-large')
    for (let i = 0; i < 60; i++) analytics.track('Large', { i, text: '车'.repeat(7000) })
    wx.online = true
    wx.requests.length = 0
    analytics.flush()
    await empty(analytics)
    const sizes = wx.requests.map((r) => r.bytes)
    assert.ok(sizes.length >= 3 && Math.max(...sizes) < 500_000, String(sizes))
  },

  async wrongKey() {
    const wx = fakeWx()
    const { analytics } = start(wx, { writeKey: 'nobody' })
    analytics.track('Kept')
    await until('it was refused', () => wx.requests.length > 0)
    await new Promise((done) => setTimeout(done, 300))
    assert.equal(wx.requests.length, 1, 'it does not knock again and again')
    assert.equal(analytics.queued().events, 1, 'and keeps the event')
  },
}

const results = {}
for (const [name, scenario] of Object.entries(scenarios)) {
  act = null
  try {
    results[name] = (await scenario()) ?? {}
  } catch (err) {
    throw new Error(`${name}: ${err.stack}`)
  }
}
console.log(JSON.stringify(results))
process.exit(0)
