// Tags as people use them, in a real browser: one by hand is written, approved, changed and approved again, with what has
// changed; it is given to a person on their page, where it stands among tags and not among traits, and to a segment on its
// own; one by rules follows a segment by itself.
// Usage: node tags.mjs SERVER CHROMIUM SCREENSHOTS LANG SEGMENT
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, lang, segment] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const zh = lang === 'zh'
const say = (en, cn) => (zh ? cn : en)
const browser = await launch(chromium)
const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, locale: zh ? 'zh-CN' : 'en-US', colorScheme: zh ? 'dark' : 'light', reducedMotion: 'reduce' })
const page = await context.newPage()
page.setDefaultTimeout(patience)
const faults = []
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
const shot = async (name) => {
  await page.waitForTimeout(300)
  await page.screenshot({ path: `${shots}/tags-${lang}-${name}.png`, fullPage: true })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.waitForTimeout(200)
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, `${name} is wider than a telephone`)
  await page.screenshot({ path: `${shots}/tags-${lang}-${name}-390.png`, fullPage: true })
  await page.setViewportSize({ width: 1440, height: 1000 })
}
const drawer = page.locator('.ant-drawer-open').last()
const press = (name) => drawer.getByRole('button', { name, exact: true }).click()
const choose = async (text) => page.locator('.ant-select-dropdown:visible').getByText(text, { exact: true }).click()
const traits = async (who) => (await (await page.request.get(`${server}/api/v1/persons/user_id:${who}`)).json()).traits
const until = async (what, holds) => {
  for (const end = Date.now() + patience; !(await holds()); await page.waitForTimeout(200)) assert.ok(Date.now() < end, what)
}
const approve = async (version) => {
  await press(say('Approve', '审批通过'))
  await drawer.getByText(say(`Version ${version}`, `版本 ${version}`), { exact: true }).first().waitFor()
  await until(`version ${version} is not approved`, async () => (await drawer.getByRole('button', { name: say('Approve', '审批通过'), exact: true }).count()) === 0)
}

async function byHand() {
  await page.goto(`${server}/tags`)
  await page.getByRole('button', { name: say('New tag', '新建标签') }).first().click()
  await drawer.locator('#tag-name').fill('VIP')
  await drawer.locator('#tag-key').fill('vip')
  await drawer.locator('#tag-kind').click()
  await choose(say('By hand', '手动'))
  await drawer.locator('#tag-about').fill(say('Whom the shop has named', '门店指定的客户'))
  await shot('form')
  await press(say('Save as a draft', '保存为草稿'))
  await approve(1)
  await press(say('Edit', '编辑'))
  await drawer.locator('#tag-expires').fill('24')
  await drawer.locator('#tag-note').fill(say('They end', '限时'))
  await press(say('Save as a draft', '保存为草稿'))
  await drawer.getByRole('button', { name: say('What has changed', '查看改动') }).first().click()
  await drawer.locator('code', { hasText: 'expires_hours' }).waitFor()
  await shot('changed')
  await approve(2)
}

async function give(value) {
  await drawer.locator('#give-tag').click()
  await choose('VIP')
  await drawer.locator('#give-value').fill(value)
  await press(say('Give it', '打标签'))
}

async function toSomebody() {
  await page.goto(`${server}/people/user_id:bob?tab=traits`)
  await page.getByRole('button', { name: say('Give a tag', '打标签'), exact: true }).click()
  await give('yes')
  const row = page.getByRole('row', { name: /VIP/ })
  await row.getByText('yes').waitFor()
  await row.getByText(say('ends', '失效时间')).waitFor() // after 24 hours, by version 2
  assert.equal((await traits('bob'))['tag.vip'], 'yes')
  assert.equal(await page.getByText('tag.vip', { exact: true }).count(), 0, 'the tag stands among traits, too')
  await shot('person')
}

async function toMany() {
  await page.goto(`${server}/segments/${segment}`)
  await page.getByRole('button', { name: say('Give a tag', '打标签'), exact: true }).click()
  await give('gold')
  await until('the members are not tagged', async () => (await traits('ann'))['tag.vip'] === 'gold' && (await traits('eve'))['tag.vip'] === 'gold')
  assert.equal((await traits('bob'))['tag.vip'], 'yes', 'who is not in the segment was tagged')
}

async function byRules() {
  await page.goto(`${server}/tags?tag=new`)
  await drawer.locator('#tag-name').fill(say('Buyer', '购买者'))
  await drawer.locator('#tag-key').fill('buyer')
  await drawer.getByRole('textbox', { name: say('Value', '值'), exact: true }).fill('true')
  await drawer.getByRole('combobox', { name: say('Whoever is in', '属于人群') }).click()
  await page.locator('.pick-popup:visible').getByText('payers').click()
  await press(say('Save as a draft', '保存为草稿'))
  await approve(1)
  await until('nobody has the value of the rule', async () => (await traits('ann'))['tag.buyer'] === true)
  assert.equal((await traits('bob'))['tag.buyer'], undefined)
  await page.goto(`${server}/tags`)
  await page.getByRole('row', { name: say(/Buyer/, /购买者/) }).getByText(say('Live', '实时')).waitFor()
  await shot('list')
}

try {
  await byHand()
  await toSomebody()
  await toMany()
  await byRules()
  assert.deepEqual(faults, [])
} catch (err) {
  await page.screenshot({ path: `${shots}/tags-${lang}-failed.png` })
  throw err
} finally {
  await browser.close()
}
