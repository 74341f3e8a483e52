// Quarantine as people use it, in a real browser: from what is refused to a rule that mends it, tried on the events
// themselves, to the replay, with the rule kept for what comes.
// Usage: node repair.mjs SERVER CHROMIUM SCREENSHOTS LANG
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, lang] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const zh = lang === 'zh'
const say = (en, cn) => (zh ? cn : en)
const browser = await launch(chromium)
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: zh ? 'zh-CN' : 'en-US', timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
const page = await context.newPage()
page.setDefaultTimeout(patience)
const faults = []
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
async function shot(name) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: `${shots}/repair-${lang}-${name}-${colorScheme}.png` })
  }
}
const drawer = page.locator('.ant-drawer')
const row = (text) => page.locator('tr.ant-table-row').filter({ hasText: text })

await page.goto(`${server}/collect/quarantine`)
await page.getByRole('tab', { name: say('Repair by reason', '按原因修复') }).click()
const wrong = row(say('amount is not as wanted', '属性 amount 不符合要求'))
await wrong.waitFor()
assert.equal(await page.locator('tr.ant-table-row').count(), 2)
await shot('1-groups')
await wrong.click()
const trial = drawer.getByTestId('repair-trial')
await trial.waitFor()
assert.match(await trial.innerText(), zh ? /最近 20 条中有 20 条/ : /20 of the latest 20/)
await drawer.locator('.diff-new').first().waitFor()
await shot('2-suggested')
// A rule of one's own is tried at once; one that does not help lets nothing in.
await drawer.getByLabel(say('Field', '字段'), { exact: true }).fill('properties.city')
await trial.getByText(zh ? /20 条中有 0 条/ : /^0 of the latest 20/).waitFor()
await drawer.locator('.ant-radio-wrapper').first().click()
await trial.getByText(zh ? /20 条中有 20 条/ : /^20 of the latest 20/).waitFor()
await page.setViewportSize({ width: 390, height: 844 })
await shot('3-narrow')
await page.setViewportSize({ width: 1440, height: 900 })
await drawer.getByRole('switch').click()
await drawer.getByRole('button', { name: say('Repair and replay 20 events', '修复并重放 20 条') }).click()
await drawer.getByTestId('repair-result').getByText(say('20 events came in', '20 条事件已接收')).waitFor()
await shot('4-done')
await drawer.getByRole('button', { name: say('Done', '完成'), exact: true }).click()
await wrong.waitFor({ state: 'detached' })
assert.equal(await page.locator('tr.ant-table-row').count(), 1)
await page.getByRole('tab', { name: say('Rules that hold', '生效的规则') }).click()
await row('properties.amount').waitFor()
await shot('5-rules')
await browser.close()
assert.deepEqual(faults, [])
