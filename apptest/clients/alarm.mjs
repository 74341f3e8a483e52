// From an alarm to a score that recovers, as somebody does it who has never seen the product.
// Usage: node alarm.mjs SERVER CHROMIUM SCREENSHOTS LANG EVENT
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, lang, event] = process.argv.slice(2)
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
    await page.screenshot({ path: `${shots}/alarm-${lang}-${name}-${colorScheme}.png` })
  }
}
const drawer = page.locator('.ant-drawer')

// The overview says it.
await page.goto(`${server}/`)
const strip = page.getByTestId('open-alarms')
await strip.getByText(`${event} · price`).waitFor()
await shot('1-overview')
await strip.getByRole('link', { name: say('Look at it', '查看') }).click()

// The alarm names the property, and what it touches.
const alarm = page.getByTestId('alarms').locator('li[data-open="true"]').filter({ hasText: event })
await alarm.getByText(say('Type changed', '类型改变')).waitFor()
await alarm.locator('code').getByText('price').waitFor()
await alarm.getByRole('button', { name: say('What it touches', '影响范围') }).click()
await page.locator('.ant-drawer').filter({ has: page.locator('h3.drawer-title') }).waitFor()
await shot('2-touches')
await page.keyboard.press('Escape')
await page.waitForURL((u) => !u.searchParams.has('impact'))

// One click to the rule, tried on the events themselves.
await alarm.getByRole('link', { name: say(/^Repair [\d,]+ events?$/, /^修复 [\d,]+ 条事件$/) }).click()
const trial = drawer.getByTestId('repair-trial')
await trial.getByText(say(/(\d+) of the latest \1\b/, /最近 (\d+) 条中有 \1 条/)).waitFor()
await drawer.locator('.diff-new').first().waitFor()
await shot('3-rule')
await drawer.getByRole('switch').click() // it goes on until the app is mended
await drawer.getByRole('button', { name: say(/^Repair and replay/, /^修复并重放/) }).click()
const result = drawer.getByTestId('repair-result')
await result.getByText(say(/events? came in/, /条事件已接收/)).waitFor()
await shot('4-replayed')

// The score recovers, and the minutes that were bad are marked.
await result.getByRole('link', { name: say('See how the score recovers', '查看得分恢复情况') }).click()
const minutes = page.getByTestId('quality-minutes')
await minutes.locator('.quality-mended').waitFor()
await minutes.locator('li[data-mended="true"]').first().waitFor()
await shot('5-recovers')
await browser.close()
assert.deepEqual(faults, [])
