// Who may not see contacts, in the console: a marketer reads them masked wherever people are shown, is offered nothing
// that the server refuses, and is told what is missing where a link leads; a consultant reveals those of one person,
// with a reason, and an auditor reads it in the log. In both languages, light and dark.
// Usage: node contacts.mjs SERVER CHROMIUM SCREENSHOTS
// Users: ROLE@example.com with the password below; the person is user_id:u-zoe.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots] = process.argv.slice(2)
const password = 'a touchstone tells gold'
const contacts = ['13800138001', '138 0013 8001', 'zoe.lee@example.com', '沪A12345']
const looks = {
  zh: { locale: 'zh-CN', colorScheme: 'light', signIn: '登录', email: '邮箱', password: '密码', forbidden: '没有访问权限', reveal: '显示联系方式', noted: /记入审计日志/, action: '显示联系方式', roles: '角色权限', reason: '客户要求回电' },
  en: { locale: 'en-US', colorScheme: 'dark', signIn: 'Sign in', email: 'E-mail', password: 'Password', forbidden: 'No access', reveal: 'Show contacts', noted: /noted in the audit log/, action: 'Revealed contacts', roles: 'What roles allow', reason: 'The customer asked to be called back' },
}
const browser = await launch(chromium)
const faults = []
await mkdir(shots, { recursive: true })

async function signIn(lang, role) {
  const w = looks[lang]
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: w.locale, colorScheme: w.colorScheme, timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  page.on('pageerror', (err) => faults.push(`${lang} ${role} ${page.url()}: ${err.message}`))
  await page.goto(`${server}/sign-in`)
  await page.getByLabel(w.email).fill(`${role}@example.com`)
  await page.getByLabel(w.password).fill(password)
  await page.getByRole('button', { name: w.signIn }).click()
  await page.getByRole('navigation').first().waitFor()
  // A new page: what stood there before was for the administrator that everybody is in development.
  await page.goto('about:blank')
  // What the console asks for without a right shows as an error to somebody who did nothing wrong.
  page.on('response', (r) => r.status() === 403 && faults.push(`${lang} ${role} ${page.url()}: refused ${r.request().method()} ${r.url()}`))
  const shot = (name) => page.screenshot({ path: `${shots}/contacts-${lang}-${role}-${name}.png` })
  const visit = async (path) => {
    await page.goto(server + path)
    await page.locator('main').first().waitFor()
    await page.waitForFunction(() => !document.querySelector('main .bone, main [aria-busy=true]'))
  }
  return { page, w, shot, visit }
}

/** What a page holds in all of its text and attributes: a title that shows on hover tells as much as a cell. */
async function masked(page, ...shown) {
  for (const text of shown) await page.locator('main, .ant-drawer').getByText(text).first().waitFor()
  const html = await page.content()
  for (const contact of contacts) assert.ok(!html.includes(contact), `${page.url()} shows ${contact}`)
}

async function marketer(lang) {
  const { page, w, shot, visit } = await signIn(lang, 'marketer')
  await visit('/people')
  await masked(page, 'Zoe', '138****8001')
  await shot('people')
  await visit('/people/user_id:u-zoe')
  await masked(page, 'z***@example.com', '沪A****45')
  assert.ok(await page.getByRole('button', { name: w.reveal }).isDisabled(), 'a marketer may not reveal')
  await shot('person')
  await page.locator('.timeline-row').filter({ hasText: 'Called' }).first().click()
  await masked(page, '138****8001')
  await shot('timeline')
  for (const tab of ['traits', 'identity']) {
    await visit(`/people/user_id:u-zoe?tab=${tab}`)
    await masked(page, 'z***@example.com')
  }
  await visit('/collect/debugger')
  await page.locator('.feed-row').filter({ hasText: 'Called' }).first().click()
  await page.locator('.ant-drawer').getByText('138****8001').first().waitFor()
  await masked(page)
  await shot('debugger')
  await visit('/analytics')
  assert.equal(await page.getByRole('tab', { name: 'SQL' }).count(), 0, 'who may not ask in SQL is offered no such tab')
  // Links of a colleague who may more.
  for (const path of ['/settings?tab=users', '/settings?tab=audit', '/settings?tab=keys', '/collect/imports/new']) {
    await visit(path)
    await page.getByText(w.forbidden).waitFor()
    await shot(`forbidden-${path.replace(/\W+/g, '-')}`)
  }
  await visit('/processes')
  await shot('processes')
  await page.context().close()
}

async function consultant(lang) {
  const { page, w, shot, visit } = await signIn(lang, 'consultant')
  await visit('/people/user_id:u-zoe')
  await masked(page, 'z***@example.com')
  await page.getByRole('button', { name: w.reveal }).click()
  const send = page.locator('.reveal-form').getByRole('button')
  assert.ok(await send.isDisabled(), 'contacts are not shown without a reason')
  await page.locator('#reveal-reason').fill(w.reason)
  await shot('asked')
  await send.click()
  await page.locator('[data-revealed]').getByText('zoe.lee@example.com').first().waitFor()
  await page.locator('[data-revealed]').getByText(w.noted).waitFor()
  await shot('revealed')
  await page.reload()
  await masked(page, 'z***@example.com')
  for (const path of ['/analytics?tab=sql&sql=select+1', '/analytics', '/collect/debugger']) {
    await visit(path)
    await page.getByText(w.forbidden).waitFor()
  }
  await shot('forbidden')
  await page.context().close()
}

async function auditor(lang) {
  const { page, w, shot, visit } = await signIn(lang, 'auditor')
  await visit('/settings?tab=audit')
  const row = page.locator('tr.ant-table-row').filter({ hasText: 'consultant@example.com' }).filter({ hasText: w.action }).first()
  await row.getByText(w.action).click()
  await page.getByTestId('audit-detail').getByText(w.reason).waitFor()
  await masked(page, w.reason)
  await shot('audit')
  await visit('/analytics?tab=sql&sql=select+1')
  await page.getByText(w.forbidden).waitFor()
  await page.getByText('sql:run').waitFor()
  assert.equal(await page.getByRole('tab', { name: 'SQL' }).count(), 0, 'who may not ask in SQL is offered no such tab')
  await shot('sql')
  await page.context().close()
}

async function admin(lang) {
  const { page, w, shot, visit } = await signIn(lang, 'admin')
  await visit('/settings?tab=users')
  await page.getByRole('heading', { name: w.roles }).waitFor()
  await shot('users')
  await page.getByRole('heading', { name: w.roles }).scrollIntoViewIfNeeded()
  await page.locator('.permissions').screenshot({ path: `${shots}/contacts-${lang}-admin-roles.png` })
  await visit('/settings?tab=keys')
  await shot('keys')
  await visit('/processes')
  await shot('processes')
  await visit('/people/rules?kind=user_id')
  await page.locator('.ant-drawer').getByRole('switch').first().waitFor()
  await shot('kind')
  await page.context().close()
}

try {
  for (const lang of Object.keys(looks))
    for (const part of [marketer, consultant, auditor, admin])
      await part(lang).catch((err) => faults.push(`${lang} ${part.name}: ${err.stack}`))
  assert.deepEqual(faults, [])
} catch (err) {
  console.error(faults.join('\n\n') || err.stack)
  process.exitCode = 1
} finally {
  await browser.close()
}
