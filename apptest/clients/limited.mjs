// Who is limited to some people, in the console: an administrator chooses whom a consultant and a marketer may see, in a
// form that counts them; these find their people everywhere and nobody else, are offered no place that is about
// everybody, and are told why where a link leads there. Nothing that a page asks for is refused. In both languages,
// light and dark.
// Usage: node limited.mjs SERVER CHROMIUM SCREENSHOTS
// Users: admin@, consultant@ and marketer@example.com with the password below; the people are Pia and Paul of Pudong, and Xanthippe.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots] = process.argv.slice(2)
const password = 'a touchstone tells gold'
const hidden = 'Xanthippe'
const looks = {
  en: { locale: 'en-US', colorScheme: 'light', some: 'Some people', everybody: 'Everybody', save: 'Save', about: 'About all people', incomplete: /at least one value/, count: '2 of 3 people today', add: 'Add a condition', me: /or the member/ },
  zh: { locale: 'zh-CN', colorScheme: 'dark', some: '部分用户', everybody: '全部用户', save: '保存', about: '此页面涉及全部用户', incomplete: /至少填写一个值/, count: '目前 3 位用户中的 2 位', add: '添加条件', me: /或成员本人/ },
}
const browser = await launch(chromium)
const faults = []
await mkdir(shots, { recursive: true })

async function signIn(lang, who) {
  const w = looks[lang]
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: w.locale, colorScheme: w.colorScheme, timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
  const answer = await context.request.post(`${server}/api/v1/session`, { data: { email: `${who}@example.com`, password } })
  assert.ok(answer.ok(), await answer.text())
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  page.on('pageerror', (err) => faults.push(`${lang} ${who} ${page.url()}: ${err.message}`))
  page.on('response', (r) => r.status() === 403 && faults.push(`${lang} ${who} ${page.url()}: refused ${r.request().method()} ${r.url()}`))
  const shot = (name) => page.screenshot({ path: `${shots}/limited-${lang}-${who}-${name}.png` })
  const visit = async (path) => {
    await page.goto(server + path)
    await page.locator('main h1, main .state').first().waitFor()
    await page.waitForFunction(() => !document.querySelector('main .bone, main [aria-busy=true]'))
  }
  return { page, w, shot, visit }
}

/** The administrator limits a member in the form; everybody is chosen first, so that each language does the whole. */
async function limit(lang, who) {
  const { page, w, shot, visit } = await signIn(lang, 'admin')
  await visit('/settings?tab=users')
  const row = page.locator('tr.ant-table-row').filter({ hasText: `${who}@example.com` })
  const drawer = page.locator('.ant-drawer')
  const save = async () => {
    await drawer.getByRole('button', { name: w.save, exact: true }).click()
    await drawer.waitFor({ state: 'hidden' })
  }
  await row.click()
  await drawer.getByRole('radio', { name: w.everybody }).check()
  await save()
  await row.getByText(w.everybody).waitFor()
  await row.click()
  await drawer.getByRole('radio', { name: w.some }).check()
  await drawer.getByRole('button', { name: w.save, exact: true }).click()
  await drawer.getByText(w.incomplete).waitFor()
  const condition = drawer.getByTestId('row-condition').first()
  await condition.getByRole('combobox').first().click()
  await page.keyboard.type('store')
  await page.locator('.ant-select-item-option').filter({ hasText: /^store$/ }).click()
  await condition.getByRole('combobox').nth(1).click()
  await page.locator('.ant-select-item-option').filter({ hasText: /^Pudong$/ }).click() // a value that was seen is offered
  await page.keyboard.press('Escape')
  await drawer.getByText(w.count).waitFor()
  await drawer.getByRole('button', { name: w.add }).click()
  const second = drawer.getByTestId('row-condition').nth(1)
  await second.getByRole('combobox').first().click()
  await page.keyboard.type('owner')
  await page.locator('.ant-select-item-option').filter({ hasText: /^owner$/ }).click()
  await second.getByText(w.me).click()
  await shot(`form-${who}`)
  await save()
  await row.getByText('Pudong').waitFor()
  await shot(`users-${who}`)
  await page.context().close()
}

async function member(lang, who, places) {
  const { page, w, shot, visit } = await signIn(lang, who)
  const shows = async (text) => {
    await page.locator('main').getByText(text).first().waitFor()
    assert.ok(!(await page.content()).includes(hidden), `${page.url()} shows ${hidden}`)
  }
  await visit('/')
  await page.waitForURL((u) => u.pathname === '/people')
  await shows('Pia')
  await shows('Paul')
  const offered = await page.locator('nav .nav-item[href]').evaluateAll((links) => links.map((a) => a.getAttribute('href')))
  for (const path of places) assert.ok(offered.includes(path), `${path} is not offered`)
  for (const path of everybody) assert.ok(!offered.includes(path), `${path} is offered`)
  for (const path of offered) {
    await visit(path)
    assert.equal(await page.locator('main [role=alert]').count(), 0, `${path} shows an error`)
    assert.ok(!(await page.content()).includes(hidden), `${path} shows ${hidden}`)
  }
  await visit('/segments')
  await page.locator('tr.ant-table-row').filter({ hasText: 'Buyers' }).locator('.door').filter({ hasText: /^2$/ }).click()
  await shows('Pia')
  await shot('segment')
  await visit('/people/user_id:u-pia')
  await shows('Pia')
  for (const path of ['/households', '/people/rules']) {
    await visit(path)
    await page.getByRole('heading', { name: w.about }).waitFor()
    await page.locator('main').getByText(/Pudong/).waitFor() // whom one does see
  }
  await shot('about-all')
  await page.context().close()
}

/** Places about everybody. */
const everybody = ['/', '/collect/sources', '/collect/quarantine', '/collect/imports', '/households', '/linkage', '/webhooks', '/reactors', '/processes']
const places = {
  consultant: ['/collect/catalogue', '/people', '/segments', '/settings'],
  marketer: ['/collect/debugger', '/collect/catalogue', '/people', '/segments', '/analytics', '/jobs', '/settings'],
}
try {
  for (const lang of Object.keys(looks))
    for (const who of Object.keys(places))
      await limit(lang, who).then(() => member(lang, who, places[who])).catch((err) => faults.push(`${lang} ${who}: ${err.stack}`))
  assert.deepEqual(faults, [])
} catch (err) {
  console.error(faults.join('\n\n') || err.stack)
  process.exitCode = 1
} finally {
  await browser.close()
}
