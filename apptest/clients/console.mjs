// What the console owes to whoever works with it all day: charts that stay under the pointer, links that never break a
// page, the keyboard, buttons that come free after an error, changes that are not lost, exact figures. Answers that
// matter are made up here, so that a page shows the same on every server.
// Usage: node console.mjs SERVER CHROMIUM SCREENSHOTS
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const browser = await launch(chromium)
const faults = []
const day = 86_400_000
const from = Date.now() - 10 * day
const person = (id, name, more) => ({
  id, name, known: true, identifiers: [{ kind: 'user_id', value: `u-${id}` }], first_seen: new Date(from).toISOString(),
  last_seen: new Date().toISOString(), events: 3, channels: ['web'], city: '上海', ...more,
})
const longName = 'A name that somebody pasted from a sheet and that goes on and on '.repeat(6)
const answers = {
  'GET catalogue/events': {
    items: ['Order Completed', 'Model Viewed'].map((event, i) => ({
      event, type: 'track', count: 900 - i, persons: 90, first_seen: new Date(from).toISOString(),
      last_seen: new Date().toISOString(), daily: [],
    })),
    next_cursor: '',
  },
  'GET catalogue/traits': { items: [{ trait: 'city', type: 'string', fill_rate: 1, examples: ['上海'] }, { trait: 'vehicle_owner', type: 'boolean', fill_rate: 0.4, examples: [true] }], next_cursor: '' },
  'POST query': {
    columns: [{ name: 'time', type: 'time' }, { name: 'series', type: 'number' }, { name: 'value', type: 'number' }],
    rows: Array.from({ length: 10 }, (_, i) => [new Date(from + i * day).toISOString(), 0, 100]),
    meta: { elapsed_ms: 4, scanned_events: 900, sql: '', fresh_to: new Date().toISOString(), truncated: false },
  },
  'POST segments/preview': { members: 1204, of: 20412, sample: [person('p_1', '王小明')], leaves: [], warnings: [], elapsed_ms: 3 },
  'GET persons': { items: [person('p_long', longName, { city: longName }), person('p_1', '王小明')], next_cursor: '' },
}

async function open(lang = 'en-US') {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: lang, timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
  await page.route('**/api/v1/**', (route) => {
    const url = new URL(route.request().url())
    const key = `${route.request().method()} ${url.pathname.slice('/api/v1/'.length)}`
    return key in answers ? route.fulfill({ json: answers[key] }) : route.fallback()
  })
  return page
}
const shot = (page, name) => page.screenshot({ path: `${shots}/console-${name}.png` })
const visit = async (page, path) => {
  await page.goto(server + path)
  await page.getByRole('heading').first().waitFor()
}

// Keys that lead somewhere when they follow each other soon, which a busy machine may not manage the first time.
const chord = async (page, keys, path) => {
  for (let tries = 1; ; tries++) {
    for (const k of keys) await page.keyboard.press(k)
    const there = page.waitForURL((u) => u.pathname === path, { timeout: tries < 5 ? 5000 : patience })
    if (await there.then(() => true, (err) => (tries < 5 ? false : Promise.reject(err)))) return
  }
}

const sourceKey = async (page, kind) =>
  (await page.request.post(`${server}/api/v1/sources`, { data: { name: `${kind} ${Date.now()}`, kind } })).json()

const checks = {
  async 'bars stay under the pointer'(page) {
    await visit(page, `/analytics?trend=${encodeURIComponent(JSON.stringify({ series: [{ event: 'Order Completed', measure: 'count' }], chart: 'bar', interval: 'day' }))}`)
    const canvas = page.locator('.trend-chart canvas')
    await canvas.waitFor()
    await page.waitForFunction(() => !document.querySelector('.trend-chart .chart-skeleton'))
    const box = await canvas.boundingBox()
    // The colour of the middle of the plot, where the tallest bars stand, counted over the row of pixels.
    const coloured = () =>
      canvas.evaluate((c) => {
        const { data } = c.getContext('2d').getImageData(0, Math.round(c.height * 0.6), c.width, 1)
        let n = 0
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) n++
        return n
      })
    let before = -1
    for (const end = Date.now() + patience; ; ) { // until they are drawn and do not grow any more
      const now = await coloured()
      if (now > 50 && now === before) break
      assert.ok(Date.now() < end, `the bars are not drawn: ${now} coloured pixels`)
      before = now
      await page.waitForTimeout(300)
    }
    for (const x of [0.3, 0.5, 0.7]) {
      await page.mouse.move(box.x + box.width * x, box.y + box.height * 0.5)
      await page.waitForTimeout(250)
      const now = await coloured()
      assert.ok(now > before * 0.98, `of ${before} coloured pixels ${now} are left under the pointer`)
    }
    await shot(page, 'bars')
  },

  async 'damaged links open their pages and say so'(page) {
    const rule = JSON.stringify({ and: [{ trait: 'city', op: 'eq', value: '上海' }, { event: 'Model Viewed', count: { op: 'gte', value: 2 }, within: '30d' }] })
    const funnel = JSON.stringify({ steps: [{ event: 'Model Viewed' }, { event: 'Order Completed' }] })
    const links = [
      `/segments/new?rule=${encodeURIComponent(rule).slice(0, -20)}`,
      `/segments/new?rule=${encodeURIComponent('{"and":[{"trait":{"x":1},"op":"eq"},{"event":"e","where":[{"property":{},"op":"eq"}],"count":7}]}')}`,
      `/analytics?tab=funnel&funnel=${encodeURIComponent(funnel).slice(0, -14)}`,
      '/analytics?range=0000-01-01~9999-12-31', '/analytics?range=2026-02-30~2026-03-01', '/analytics?tab=nonsense&by=5',
      '/analytics?filters=%5B%7B%22op%22%3A%22eq%22%2C%22property%22%3A%7B%7D%7D%5D',
      '/?behind=%7B%22title%22%3A', '/people?behind=%7B%22title%22%3A%22x%22%2C%22query%22%3A%5B%5D%7D', '/people?sort=%7B', '/settings?tab=owner',
    ]
    for (const link of links) {
      await visit(page, link)
      const text = await page.locator('body').innerText()
      assert.ok(!/stopped working|\[object Object\]|Invalid/.test(text), `${link}\n${text}`)
      await page.getByTestId('link-notice').waitFor().catch(() => assert.fail(`${link} says nothing`))
    }
    await visit(page, links[0])
    assert.equal(await page.getByTestId('rule-condition').count(), 2, 'what was whole of the rule is there')
    await shot(page, 'damaged-link')
    for (const path of ['/people/%E4%B8', '/segments/%F0%9F']) {
      await visit(page, path)
      assert.ok(await page.getByRole('navigation').first().isVisible(), path)
    }
    await visit(page, '/people?q=9007199254740993&utm_source=mail')
    assert.equal(await page.getByTestId('link-notice').count(), 0, 'a whole link needs no notice')
    assert.equal(await page.locator('main input').first().inputValue(), '9007199254740993')
  },

  async 'the keyboard can be seen on links and buttons'(page) {
    await visit(page, '/people')
    await page.getByText('王小明').first().waitFor()
    const seen = new Set()
    for (let i = 0; i < 60; i++) { // behind the navigation
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => {
        const e = document.activeElement
        const s = getComputedStyle(e)
        return { tag: e.tagName, name: (e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40), ring: s.outlineStyle !== 'none' && Number.parseFloat(s.outlineWidth) >= 2 }
      })
      if (at.tag === 'INPUT' || at.tag === 'BODY') continue
      seen.add(at.tag)
      assert.ok(at.ring, `no ring on ${at.tag} ${at.name}`)
    }
    assert.ok(seen.has('A') && seen.has('BUTTON') && seen.has('TR'), [...seen].join())
    await shot(page, 'focus')
  },

  async 'a button is free again right after an error'(page) {
    await page.route('**/api/v1/sources', (r) =>
      r.request().method() === 'POST' ? r.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Conflict', status: 409, detail: 'There is such a source.' }) }) : r.fallback())
    await visit(page, '/collect/sources?create=true')
    await page.getByLabel('Name').fill('Shop')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('There is such a source.').waitFor()
    await page.waitForFunction(() => !document.querySelector('.ant-drawer .ant-btn-loading'), null, { timeout: 10_000 })
    await shot(page, 'error')
    // The drawer asks before it throws the form away.
    await page.keyboard.press('Escape')
    await page.locator('.ant-modal-confirm-title').getByText('Discard unsaved changes?').waitFor()
    await page.getByRole('button', { name: 'Keep editing' }).click()
    assert.equal(await page.getByLabel('Name').inputValue(), 'Shop')
  },

  async 'pickers open with a new condition, close with a choice, and the preview stays'(page) {
    await visit(page, '/segments/new')
    await page.getByRole('button', { name: 'Trait', exact: true }).click()
    const options = page.locator('.ant-select-dropdown:visible')
    await options.getByText('city').waitFor()
    assert.ok(await page.evaluate(() => document.activeElement?.closest('.pick-name') !== null), 'the picker has the keyboard')
    await options.getByText('city').click()
    await options.waitFor({ state: 'hidden' })
    await page.getByTestId('rule-condition').getByLabel('Value').last().fill('上海')
    await page.keyboard.press('Escape')
    await page.getByTestId('preview-members').filter({ hasText: '1,204' }).waitFor()
    await page.getByTestId('rule-condition').getByLabel('Value').last().fill('')
    await page.getByText('No condition is complete; this is the last result.').waitFor()
    assert.match(await page.getByTestId('preview-members').innerText(), /1,204/)
    await page.getByRole('button', { name: 'Event', exact: true }).click()
    await options.getByText('Model Viewed').click()
    await options.waitFor({ state: 'hidden' })
    // An opposite with a name of its own is said by it.
    await page.getByTestId('rule-condition').last().getByRole('button', { name: /Negate/ }).click()
    await page.getByTestId('rule-condition').last().getByText('Did not do').waitFor()
    await shot(page, 'builder')
  },

  async 'what is not saved is asked about'(page) {
    await visit(page, '/segments/new')
    await page.getByLabel('Name').first().fill('Half of a segment')
    await page.waitForURL(/Half/)
    await page.getByRole('link', { name: 'People' }).first().click()
    await page.locator('.ant-modal-confirm-title').getByText('Discard unsaved changes?').waitFor()
    await shot(page, 'unsaved')
    await page.getByRole('button', { name: 'Keep editing' }).click()
    assert.equal(new URL(page.url()).pathname, '/segments/new')
    const closing = page.waitForEvent('dialog')
    await page.evaluate(() => setTimeout(() => window.location.reload(), 0))
    const dialog = await closing
    assert.equal(dialog.type(), 'beforeunload')
    await dialog.dismiss()
    await page.getByRole('link', { name: 'People' }).first().click()
    await page.getByRole('button', { name: 'Discard changes' }).click()
    await page.waitForURL(/\/people/)
  },

  async 'one long name pushes nothing off, and rows are 32 px'(page) {
    await visit(page, '/people')
    await page.getByText('王小明').first().waitFor()
    const table = await page.locator('.table').evaluate((t) => {
      const scroll = t.querySelector('.ant-table-body') ?? t.querySelector('.ant-table-content')
      const row = [...t.querySelectorAll('tr.ant-table-row')].at(-1)
      return { over: scroll.scrollWidth - scroll.clientWidth, page: document.documentElement.scrollWidth - window.innerWidth, row: row.getBoundingClientRect().height, last: t.querySelector('th:last-child').getBoundingClientRect().right }
    })
    assert.ok(table.over <= 1 && table.page <= 0 && table.last <= 1440, JSON.stringify(table))
    assert.ok(Math.abs(table.row - 32) <= 1, `a row is ${table.row} px high`)
    await shot(page, 'long-name')
  },

  async 'a page that does not exist keeps the navigation'(page) {
    await visit(page, '/no/such/page')
    await page.getByText('Page not found').waitFor()
    await page.getByRole('link', { name: 'Segments' }).first().click()
    await page.waitForURL(/\/segments/)
  },

  async 'the palette finds events, traits and what can be done; keys lead on'(page) {
    await visit(page, '/')
    const find = async (text, option) => {
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox', { name: 'Go to anything' }).fill(text)
      await page.getByRole('option', { name: option }).first().click()
    }
    await find('model', /Model Viewed/)
    await page.waitForURL(/catalogue\?.*event=Model/)
    // The palette stands over the open drawer.
    await page.locator('.ant-drawer-body').waitFor()
    await find('vehicle_ow', /vehicle_owner/)
    await page.waitForURL(/tab=traits/)
    await find('new segment', /New segment/)
    await page.waitForURL(/segments\/new/)
    // The new page takes the keyboard to its first field once it is there; letters typed there are text.
    await page.locator('main input:focus').waitFor()
    await page.locator('h1').click()
    await page.locator('main input:focus').waitFor({ state: 'detached' })
    for (const [keys, path] of [['gp', '/people'], ['ga', '/analytics'], ['gs', '/segments'], ['go', '/']]) {
      await chord(page, keys, path)
    }
    await page.keyboard.press('?')
    await page.getByRole('dialog').getByText('Keyboard shortcuts').waitFor()
    await shot(page, 'help')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.waitForFunction(() => !document.querySelector(".ant-modal-wrap:not([style*='display: none'])")) // it has its keys until it has faded out
    // Letters in a field are letters.
    await chord(page, 'gp', '/people')
    await page.keyboard.press('/')
    await page.keyboard.type('go?')
    assert.equal(await page.locator('main input').first().inputValue(), 'go?')
  },

  async 'whole numbers keep all their digits'(page) {
    const answer = `{"columns":[{"name":"order_id","type":"number"}],"rows":[[9223372036854775807],[9007199254740993]],"meta":${JSON.stringify(answers['POST query'].meta)}}`
    await page.route('**/api/v1/query', (r) => r.fulfill({ contentType: 'application/json', body: answer }))
    await visit(page, '/analytics?tab=sql&sql=select+1')
    await page.getByText('9,223,372,036,854,775,807').waitFor()
    await page.getByText('9,007,199,254,740,993').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export CSV' }).click()
    const chunks = []
    for await (const c of await (await download).createReadStream()) chunks.push(c)
    assert.match(Buffer.concat(chunks).toString(), /order_id\r\n9223372036854775807\r\n9007199254740993/)
  },

  async 'the overview begins with the business'(page) {
    const asked = []
    await page.route('**/api/v1/catalogue/events/*/properties', (r) => r.fulfill({ json: { items: [{ property: 'amount', types: { number: 9 }, fill_rate: 1, examples: [5] }], next_cursor: '' } }))
    await page.route('**/api/v1/segments/movements**', (r) => r.fulfill({ json: { items: [{ id: 'seg_1', name: 'Moved ones', members: 70, entered: 12, left: 3 }], next_cursor: '' } }))
    await page.route('**/api/v1/stats', async (r) => {
      const json = await (await r.fetch()).json()
      await r.fulfill({ json: { ...json, accepted: 900, persons: 9, throughput: { ...json.throughput, history: Array.from({ length: 180 }, (_, i) => i) } } })
    })
    await page.route('**/api/v1/query', (r) => {
      const q = r.request().postDataJSON()
      asked.push(q)
      const at = (days) => new Date(Date.parse(q.to) - (days + 1) * day).toISOString()
      const rows = q.kind === 'retention' ? [[at(0), 41, 0, 41, 1]] : q.series.flatMap((s, i) => [[at(0), i, s.measure === 'sum' ? 990 : 7], [at(1), i, 9], [at(8), i, 6]])
      const columns = (q.kind === 'retention' ? ['cohort', 'size', 'period', 'persons', 'rate'] : ['time', 'series', 'value']).map((name) => ({ name, type: name === 'time' || name === 'cohort' ? 'time' : 'number' }))
      return r.fulfill({ json: { columns, rows, meta: answers['POST query'].meta } })
    })
    await page.route('**/api/v1/live/stats', (r) => r.abort()) // of a server without any data
    await visit(page, '/')
    const card = (name) => page.locator('.figure').filter({ has: page.getByRole('heading', { name, exact: true }) })
    await card('Orders').getByRole('button', { name: '7', exact: true }).waitFor()
    assert.match(await card('Orders').innerText(), /Yesterday 9[\s\S]*\+50%[\s\S]*Order Completed/)
    assert.match(await card('Order amount').innerText(), /990/)
    await card('New customers').getByRole('button', { name: '41', exact: true }).waitFor()
    assert.equal(await card('Orders').locator('.figure-bars li').count(), 14)
    const sum = asked.find((q) => q.series?.some((s) => s.measure === 'sum'))
    assert.deepEqual(sum.series.map((s) => [s.event, s.measure, s.property]), [['Order Completed', 'count', undefined], ['Order Completed', 'sum', 'amount']])
    await page.getByRole('link', { name: '+12' }).waitFor()
    // The streak is there at once, from what the server remembers.
    await page.waitForFunction(() => document.querySelector('.streak-line')?.getAttribute('d').split('L').length > 170)
    await shot(page, 'overview')
    await card('Orders').locator('.figure-bars button').nth(12).click()
    await page.waitForURL(/behind=/)
  },

  async 'people are narrowed in the address, and Enter opens the only hit'(page) {
    const asked = []
    let pages = 0
    await page.route('**/api/v1/persons?**', (r) => {
      const q = new URL(r.request().url()).searchParams
      asked.push(q)
      if (q.get('q') === '8001') return r.fulfill({ json: { items: [person('p_only', '李雷')], next_cursor: '' } })
      if (q.get('channel') === 'store') return r.fulfill({ json: { items: [], next_cursor: `c${++pages}` } })
      return r.fulfill({ json: { items: [person('p_1', '王小明'), person('p_2', '李雷')], next_cursor: '' } })
    })
    await visit(page, '/people?who=visitor&active=7d&kind=phone')
    await page.getByText('王小明').first().waitFor()
    const first = asked[0]
    assert.equal(first.get('known'), 'false')
    assert.equal(first.get('kind'), 'phone')
    assert.ok(Date.now() - Date.parse(first.get('seen_after')) < 8 * day)
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await page.waitForURL((u) => u.search === '')
    // Answers without anybody, one after the other: it looks on by itself, but not for ever.
    await visit(page, '/people?channel=store')
    await page.getByText('Nobody found yet').waitFor()
    assert.equal(pages, 5)
    await page.getByRole('button', { name: 'Keep looking' }).click()
    for (const end = Date.now() + patience; pages < 10 && Date.now() < end; ) await page.waitForTimeout(50)
    await page.waitForFunction(() => !document.querySelector('.ant-btn-loading'))
    await page.getByText('Nobody found yet').waitFor()
    await page.waitForTimeout(300) // for one too many
    assert.equal(pages, 10)
    await shot(page, 'people-looking')
    await visit(page, '/people')
    await page.locator('main input').first().fill('8001')
    await page.keyboard.press('Enter')
    await page.waitForURL(/people\/p_only/)
  },

  async 'the audit log has names, words and links'(page) {
    const made = await page.request.post(`${server}/api/v1/segments`, { data: { name: 'Audited ones', rule: { trait: 'city', op: 'eq', value: '上海' } } })
    const { id } = await made.json()
    await page.request.post(`${server}/api/v1/sources`, { data: { name: 'Audited till', kind: 'store' } })
    await visit(page, '/settings?tab=audit')
    const row = page.locator('tr.ant-table-row').filter({ hasText: 'Audited ones' })
    await row.getByText('Created a segment').waitFor()
    await shot(page, 'audit')
    await row.getByText('Created a segment').click()
    await page.getByTestId('audit-detail').getByText('city is 上海').waitFor()
    await page.keyboard.press('Escape')
    await page.getByLabel('Action', { exact: true }).click()
    await page.locator('.ant-select-dropdown:visible').getByText('Created a source').click()
    await page.waitForURL(/action=source.create/)
    await page.getByText('Audited till').waitFor()
    await page.waitForFunction(() => !document.body.innerText.includes('Audited ones'))
    await visit(page, `/settings?tab=audit&target=${id}`)
    await page.getByRole('link', { name: 'Audited ones' }).click()
    await page.waitForURL(new RegExp(`/segments/${id}`))
    await page.request.delete(`${server}/api/v1/segments/${id}`)
    await visit(page, `/settings?tab=audit&target=${id}`)
    await page.getByText('Deleted a segment').waitFor()
    assert.equal(await page.getByRole('link', { name: 'Audited ones' }).count(), 0, 'what is gone has no link')
  },

  async 'conditions that exclude each other are said, and can be saved'(page) {
    await page.unroute('**/api/v1/**')
    const rule = JSON.stringify({ and: [{ trait: 'age', op: 'gt', value: 30 }, { trait: '', op: 'eq' }, { not: { trait: 'age', op: 'gt', value: 30 } }] })
    await visit(page, `/segments/new?name=x&rule=${encodeURIComponent(rule)}`)
    await page.getByTestId('rule-warnings').getByText('Nobody can meet all of these conditions').waitFor()
    assert.deepEqual(await page.getByTestId('rule-condition').evaluateAll((all) => all.map((c) => c.querySelector('[data-testid=condition-warning]') !== null)), [true, false, true])
    await shot(page, 'contradiction')
    await page.getByTestId('rule-condition').nth(1).getByRole('button', { name: 'Remove' }).click()
    await page.getByTestId('rule-warnings').waitFor()
    assert.ok(await page.getByRole('button', { name: 'Create segment' }).isEnabled())
  },

  async 'exports speak the language of their reader'(page) {
    const phone = (id, value) => ({ ...person(id, '王小明'), last_seen: '2026-01-31T18:00:00Z', identifiers: [{ kind: 'user_id', value: id }, { kind: 'phone', value }] })
    await page.route('**/api/v1/persons?**', (r) => r.fulfill({ json: { items: [phone('u1', '13800138001'), person('p_9', 'Ana')], next_cursor: '' } }))
    await page.route('**/api/v1/session', async (r) => {
      const json = await (await r.fetch()).json()
      await r.fulfill({ json: { ...json, organisation: { ...json.organisation, time_zone: 'Asia/Shanghai' } } })
    })
    await page.addInitScript(() => localStorage.setItem('touchstone.preferences', JSON.stringify({ lang: 'zh-CN' })))
    await visit(page, '/people')
    await page.getByText('王小明').first().waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: '导出 CSV' }).click()
    const chunks = []
    for await (const c of await (await download).createReadStream()) chunks.push(c)
    const [head, first, second] = Buffer.concat(chunks).toString().replace('\uFEFF', '').split('\r\n')
    assert.match(head, /^用户,用户 ID,手机号,渠道,/)
    assert.match(first, /^王小明,u1,13800138001,.*2026-02-01 02:00:00$/)
    assert.match(second, /^Ana,u-p_9,,/)
  },

  async 'a refused event has a name, says who, and shows what was sent'(page) {
    await page.unroute('**/api/v1/**')
    const key = await sourceKey(page, 'server')
    await visit(page, '/collect/debugger?show=rejected')
    await page.getByText('Live', { exact: true }).first().waitFor()
    const sent = `{"batch":[{"type":"track","event":"Order Spoilt","userId":"u-spoilt","properties":{"price":NaN}}]}`
    assert.equal((await page.request.post(`${server}/v1/batch`, { headers: { Authorization: `Bearer ${key.write_key}`, 'Content-Type': 'application/json' }, data: Buffer.from(sent) })).status(), 200)
    const row = page.locator('.feed-row').filter({ hasText: 'Order Spoilt' })
    await row.getByText('u-spoilt').waitFor()
    await row.click()
    await page.getByTestId('raw-event').getByText('NaN').waitFor()
    await shot(page, 'refused')
  },

  async 'every snippet that can be run here arrives'(page) {
    await page.unroute('**/api/v1/**')
    const dir = await mkdtemp(join(tmpdir(), 'snippets-'))
    const run = promisify(execFile)
    try {
      for (const [kind, want] of Object.entries({ server: ['curl'], official_account: ['curl', 'Node.js'], community: ['curl', 'Node.js'], store: ['curl', 'Node.js'], call_center: ['curl', 'Node.js'], device: ['Python', 'curl'] })) {
        const source = await sourceKey(page, kind)
        await visit(page, `/collect/sources?source=${source.id}`)
        for (const label of want) {
          await page.locator('.ant-drawer').getByRole('tab', { name: label, exact: true }).click()
          const code = await page.locator('.ant-drawer .snippet pre:visible').last().innerText()
          const file = join(dir, { curl: 'call.sh', 'Node.js': 'call.mjs', Python: 'call.py' }[label])
          await writeFile(file, code)
          const { stdout } = await run({ curl: 'bash', 'Node.js': process.execPath, Python: 'python3' }[label], [file], { cwd: dir })
          if (label === 'curl') assert.match(stdout, /"success":true/, `${kind} ${stdout}`)
        }
        await page.waitForFunction(
          async ([id, n]) => {
            const s = await (await fetch(`/api/v1/sources/${id}`)).json()
            return s.accepted === n && s.quarantined === 0
          },
          [source.id, want.length],
          { timeout: patience },
        ).catch(async () => assert.fail(`${kind}: ${JSON.stringify(await (await page.request.get(`${server}/api/v1/sources/${source.id}`)).json())}`))
        await shot(page, `snippets-${kind}`)
      }
    } finally {
      await rm(dir, { recursive: true })
    }
  },

  async 'replacing a key says how long the old one works'(page) {
    const made = await page.request.post(`${server}/api/v1/sources`, { data: { name: `Tills ${Date.now()}`, kind: 'store' } })
    const { id } = await made.json()
    await visit(page, `/collect/sources?source=${id}`)
    await page.getByRole('button', { name: 'Rotate' }).click()
    await page.getByText('the old one for another 24 hours').waitFor()
    const answer = page.waitForResponse((r) => r.url().endsWith('/rotate'))
    await page.getByRole('button', { name: 'Rotate' }).last().click()
    const hours = (Date.parse((await (await answer).json()).previous_key_until) - Date.now()) / 3_600_000
    assert.ok(hours > 23.9 && hours < 24.1, `the old key works for ${hours} hours`)
    assert.match(await page.getByTestId('old-key').innerText(), /works until \d/)
  },
}

try {
  const only = process.env.TOUCHSTONE_CHECK
  for (const [name, check] of Object.entries(checks)) {
    if (only && !name.includes(only)) continue
    const page = await open()
    try {
      await check(page)
    } catch (err) {
      await shot(page, 'failure').catch(() => {})
      faults.push(`${name}: at ${page.url()}: ${err.stack}`)
    }
    await page.context().close()
  }
  assert.deepEqual(faults, [])
} catch (err) {
  console.error(faults.join('\n\n'))
  process.exitCode = 1
} finally {
  await browser.close()
}
