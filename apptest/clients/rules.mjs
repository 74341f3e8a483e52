// The rules of identity as people use them, in a real browser: a limit is lowered, what it would change is looked at, run and
// taken back; an entry of the blocked values is tried before it is saved; an identifier is said to be shared, and not.
// Usage: node rules.mjs SERVER CHROMIUM SCREENSHOTS LANG
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, lang] = process.argv.slice(2)
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
  await page.screenshot({ path: `${shots}/rules-${lang}-${name}.png`, fullPage: true })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.waitForTimeout(200)
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, `${name} is wider than a telephone`)
  await page.screenshot({ path: `${shots}/rules-${lang}-${name}-390.png`, fullPage: true })
  await page.setViewportSize({ width: 1440, height: 1000 })
}
const id = async (ref) => (await (await page.request.get(`${server}/api/v1/persons/${ref}`)).json()).id
const together = async () => (await id('user_id:ann')) === (await id('device_id:d2'))
const run = page.locator('[data-rerun]')
const button = (name) => page.getByRole('button', { name, exact: true })

async function limit() {
  await page.goto(`${server}/people/rules?kind=device_id`)
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel(say('Per person', '单人上限')).fill('1')
  await shot('kind')
  await drawer.getByRole('button', { name: say('See what would change first', '先预览变化') }).click()
  await run.getByText(say('This would change; nothing is done yet', '将发生以下变化（尚未执行）')).waitFor()
  assert.ok(await together(), 'a preview has changed somebody')
  await run.getByRole('link', { name: 'viewers' }).waitFor() // the segment that they are in
  await shot('preview')
  await run.getByRole('button', { name: say('Run the rules', '执行重算') }).click()
  await page.locator('.ant-modal-confirm').getByRole('button', { name: say('Run the rules', '执行重算') }).click()
  await run.getByRole('button', { name: say('Take the run back', '撤销重算') }).waitFor()
  assert.ok(!(await together()), 'nothing was done')
  await shot('done')
  await run.getByRole('button', { name: say('Take the run back', '撤销重算') }).click()
  for (const end = Date.now() + patience; !(await together()); await page.waitForTimeout(200)) assert.ok(Date.now() < end, 'it was not taken back')
}

async function blocked() {
  await page.goto(`${server}/people/rules?kind=device_id`)
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel(say('Find or add a value; * stands for anything', '查找或新增，* 代表任意内容')).fill('/d[0-9]/')
  await drawer.getByLabel(say('A value to try it on', '输入一个值来试')).fill('d7')
  await drawer.getByRole('button', { name: say('Try', '试一试'), exact: true }).click()
  const tried = drawer.locator('[data-tried]')
  await tried.getByText(say('It would catch 2 of', '会屏蔽 2 个')).waitFor()
  assert.equal(await tried.locator('code', { hasText: 'd7' }).count(), 1)
  await shot('tried')
}

async function shared() {
  await page.goto(`${server}/people/rules`)
  await button(say('Decide about an identifier', '手动判定标识')).click()
  const drawer = page.getByRole('dialog')
  await drawer.getByRole('combobox').click()
  await page.locator('.ant-select-dropdown:visible').getByText(say('Device ID', '设备 ID'), { exact: true }).click()
  await drawer.getByRole('textbox').fill('d1')
  await drawer.getByRole('button', { name: say('It is shared', '它是共用的') }).click()
  await button(say('Evidence', '查看依据')).click()
  await drawer.locator('[data-evidence="shared"]').waitFor()
  await shot('shared')
  await drawer.getByText(say("It is one person's", '它属于同一个人')).click()
  await drawer.locator('[data-evidence="trusted"]').waitFor()
}

try {
  await limit()
  await blocked()
  await shared()
  assert.deepEqual(faults, [])
} catch (err) {
  await page.screenshot({ path: `${shots}/rules-${lang}-failed.png` })
  throw err
} finally {
  await browser.close()
}
