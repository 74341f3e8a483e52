// A newcomer's first quarter of an hour in the console, in a real browser: first run and
// sign-in → live events → find a person → build a segment → funnel → save its people as a
// segment; then every page in both languages, light and dark.
// Usage: node journey.mjs SERVER SETUP_TOKEN CHROMIUM SCREENSHOTS
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, token, chromium, shots] = process.argv.slice(2)
const admin = { email: 'founder@example.com', password: 'a touchstone tells gold' }
const browser = await launch(chromium)
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', timezoneId: 'Asia/Shanghai' })
const page = await context.newPage()
page.setDefaultTimeout(patience)
const faults = []
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
page.on('console', (m) => m.type() === 'error' && !/status of 401|net::ERR_ABORTED/.test(m.text()) && faults.push(`${page.url()}: ${m.text()}`))
page.on('request', (r) => r.url().startsWith(server) || r.url().startsWith('data:') || faults.push(`a request to another host: ${r.url()}`))
await mkdir(shots, { recursive: true })

const api = (method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const r = await fetch(path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) })
      if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`)
      return r.status === 204 ? null : r.json()
    },
    [method, path, body],
  )

async function firstRunAndSignIn() {
  await page.goto(`${server}/setup`)
  await page.getByLabel('Setup token').fill(token)
  await page.getByLabel('E-mail').fill(admin.email)
  await page.getByLabel('Password').fill(admin.password)
  await page.getByRole('button', { name: 'Create administrator' }).click()
  await page.getByRole('link', { name: 'Overview' }).waitFor()
  await api('DELETE', '/api/v1/session')
  await page.goto(server)
  await page.getByLabel('E-mail').fill(admin.email)
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('E-mail or password is wrong.').waitFor()
  await page.getByLabel('Password').fill(admin.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'Overview' }).waitFor()
}

// sendEvents lets 40 people view, 20 of them add to the cart and 10 buy, over two days.
async function sendEvents(writeKey) {
  const batch = []
  const at = (hours) => new Date(Date.now() - hours * 3600e3).toISOString()
  for (let i = 0; i < 40; i++) {
    const who = { userId: `journey-${i}`, anonymousId: `device-${i}` }
    batch.push({ type: 'identify', ...who, traits: { name: `王小明 ${i} 🚗`, city: i % 2 ? '上海' : '北京', email: `p${i}@example.com` }, timestamp: at(49) })
    batch.push({ type: 'track', ...who, event: 'Product Viewed', properties: { price: 100 + i }, timestamp: at(48 - i / 10) })
    if (i < 20) batch.push({ type: 'track', ...who, event: 'Product Added', properties: { price: 100 + i }, timestamp: at(24 - i / 10) })
    if (i < 10) batch.push({ type: 'track', ...who, event: 'Order Completed', properties: { revenue: 100 + i }, timestamp: at(5 - i / 10) })
  }
  const r = await fetch(`${server}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ batch }),
  })
  assert.equal(r.status, 200, await r.text())
  return batch.length
}

async function waitForEvents(n) {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    const stats = await api('GET', '/api/v1/stats')
    if (stats.in_warehouse >= n) return
    await page.waitForTimeout(100)
  }
  throw new Error('the events did not reach the warehouse')
}

// pick chooses an option of a select by typing its name.
async function pick(combobox, text) {
  await combobox.click()
  await combobox.fill(text)
  await page.keyboard.press('Enter')
}

async function liveEvents(writeKey) {
  await page.getByRole('link', { name: 'Debugger' }).first().click()
  await page.getByRole('heading', { name: 'Debugger' }).waitFor()
  const n = await sendEvents(writeKey)
  await page.getByText('Product Viewed').first().waitFor()
  await waitForEvents(n)
}

async function findPerson() {
  await page.goto(`${server}/people`)
  await page.getByRole('searchbox').or(page.getByPlaceholder(/identifier|name/i)).first().fill('journey-7')
  await page.getByText('王小明 7 🚗').first().click()
  await page.getByText('p7@example.com').first().waitFor()
  await page.getByText('Order Completed').first().waitFor()
}

async function buildSegment() {
  await page.goto(`${server}/segments/new`)
  await page.getByLabel('Name').first().fill('Added but did not buy 加购未下单')
  await page.getByRole('button', { name: 'Event', exact: true }).click()
  await pick(page.getByTestId('rule-condition').getByRole('combobox').nth(1), 'Product Added').catch(async () => {
    await pick(page.getByTestId('rule-condition').getByRole('combobox').first(), 'Product Added')
  })
  await page.getByTestId('preview-members').filter({ hasText: '20' }).waitFor()
  await page.getByRole('button', { name: 'Create segment' }).click()
  await page.getByTestId('segment-members').filter({ hasText: '20' }).waitFor()
}

async function funnelToSegment() {
  const steps = ['Product Viewed', 'Product Added', 'Order Completed'].map((event) => ({ event }))
  await page.goto(`${server}/analytics?tab=funnel&funnel=${encodeURIComponent(JSON.stringify({ steps, window: '7d' }))}`)
  await page.getByTestId('funnel').waitFor()
  await page.getByTestId('funnel-conversion').filter({ hasText: '25' }).waitFor()
  await page.getByTestId('funnel-lost-2').click()
  await page.getByText('10 people', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Save as segment' }).click()
  await page.getByLabel('Name of the segment').fill('Stopped at the cart')
  await page.getByRole('button', { name: /^(Save|Save as segment)$/ }).last().click()
  await page.getByText('Saved as “Stopped at the cart”').first().waitFor()
  const find = async () => (await api('GET', '/api/v1/segments?limit=100')).items.find((s) => s.name === 'Stopped at the cart')
  let saved = await find()
  assert.ok(saved, 'the segment was not saved')
  // The list of segments is counted a moment later.
  for (const end = Date.now() + patience; saved.members !== 10 && Date.now() < end; ) {
    await page.waitForTimeout(100)
    saved = await find()
  }
  assert.equal(saved.members, 10)
}

async function everyPage() {
  const person = (await api('GET', '/api/v1/persons/user_id:journey-7')).id
  const segment = (await api('GET', '/api/v1/segments?limit=1')).items[0].id
  const pages = {
    overview: '/', people: '/people', person: `/people/${person}`, segments: '/segments', segment: `/segments/${segment}`, builder: '/segments/new',
    trend: '/analytics', funnel: '/analytics?tab=funnel', retention: '/analytics?tab=retention', sql: '/analytics?tab=sql',
    sources: '/collect/sources', debugger: '/collect/debugger', quarantine: '/collect/quarantine', catalogue: '/collect/catalogue',
    imports: '/collect/imports', settings: '/settings',
  }
  const state = await context.storageState()
  for (const [locale, colorScheme] of [['en-US', 'light'], ['zh-CN', 'dark'], ['zh-CN', 'light'], ['en-US', 'dark']]) {
    const ctx = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale, colorScheme, storageState: { cookies: state.cookies, origins: [] } })
    const tab = await ctx.newPage()
    tab.setDefaultTimeout(patience)
    tab.on('pageerror', (err) => faults.push(`${tab.url()} (${locale} ${colorScheme}): ${err.message}`))
    for (const [name, path] of Object.entries(pages)) {
      await tab.goto(server + path)
      await tab.getByRole('heading').first().waitFor()
      await tab.waitForTimeout(250)
      const text = await tab.locator('body').innerText()
      if (/\b(undefined|NaN|\[object Object\])\b/.test(text)) faults.push(`${name} (${locale}) shows a broken value`)
      if (locale === 'zh-CN' && !/[\u4e00-\u9fff]/.test(text)) faults.push(`${name} is not in Chinese`)
      await tab.screenshot({ path: `${shots}/${name}-${locale}-${colorScheme}.png` })
    }
    await ctx.close()
  }
}

try {
  await firstRunAndSignIn()
  const source = await api('POST', '/api/v1/sources', { name: 'Shop', kind: 'server' })
  for (const step of [() => liveEvents(source.write_key), findPerson, buildSegment, funnelToSegment, everyPage]) await step()
  assert.deepEqual(faults, [])
} catch (err) {
  await page.screenshot({ path: `${shots}/failure.png` }).catch(() => {})
  console.error(`at ${page.url()}`, err, faults)
  process.exitCode = 1
} finally {
  await browser.close()
}
