// Tracking plans as people use them, in a real browser: from what comes in to a draft, to a preview, to a revision that
// holds; then an event that breaks it, from the breach to quarantine and back to the plan.
// Usage: node plans.mjs SERVER CHROMIUM SCREENSHOTS LANG WRITE_KEY
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, lang, key] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const zh = lang === 'zh'
const say = (en, cn) => (zh ? cn : en)
const browser = await launch(chromium)
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: zh ? 'zh-CN' : 'en-US', timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce', acceptDownloads: true })
const page = await context.newPage()
page.setDefaultTimeout(patience)
const faults = []
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
// Each page in both themes.
async function shot(name) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: `${shots}/plans-${lang}-${name}-${colorScheme}.png`, fullPage: true })
  }
}
const drawer = page.locator('.ant-drawer')
const button = (name) => page.getByRole('button', { name, exact: true })
const row = (text) => page.locator('tr.ant-table-row').filter({ hasText: text })
async function choose(label, option) {
  await page.getByRole('combobox', { name: label, exact: true }).click()
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option').filter({ hasText: option }).click()
}
const saved = () => page.getByText(say('Changes not saved', '有未保存的修改')).waitFor({ state: 'detached' })

async function begin() {
  await page.goto(`${server}/plans`)
  await page.getByText(say('No tracking plans yet', '暂无埋点方案')).waitFor()
  await shot('1-empty')
  await button(say('What comes in', '已上报的数据')).click()
  await button(say('Look at the latest events', '分析最近的事件')).click()
  await page.getByTestId('plan-found').getByText('Paid').waitFor()
  await drawer.getByLabel(say('Name', '名称'), { exact: true }).fill('Shop 店')
  await shot('2-observed')
  await button(say('Save as draft', '存为草稿')).click()
  await page.waitForURL(/plans\/pln_/)
}

async function edit() {
  await row('Paid').click()
  await drawer.getByRole('button', { name: say('Details of amount', 'amount 的详细要求'), exact: true }).click()
  await drawer.getByLabel('≤', { exact: true }).fill('20')
  await drawer.getByLabel('≤', { exact: true }).press('Tab')
  await drawer.getByLabel(say('Display name', '显示名'), { exact: true }).fill('付款 Paid')
  await button(say('Add a property', '添加属性')).click()
  await page.keyboard.type('coupon') // the new line has the keyboard
  await page.keyboard.press('Enter')
  await drawer.locator('li[data-path="coupon"]').waitFor()
  await shot('3-editor')
  // A complaint of the server stands at its place. A minimum above the maximum is one.
  await drawer.getByLabel('≥', { exact: true }).fill('30')
  await drawer.getByLabel('≥', { exact: true }).press('Tab')
  await drawer.locator('.ant-drawer-close').click()
  await button(say('Save', '保存')).click()
  await page.getByText(say('The draft was not saved', '草稿未保存')).waitFor()
  await row('Paid').click()
  await drawer.locator('li[data-path="amount"] [role=alert]').getByText(say('minimum is above maximum', '最小值大于最大值')).waitFor()
  await drawer.getByRole('button', { name: say('Details of amount', 'amount 的详细要求'), exact: true }).click()
  await drawer.getByLabel('≥', { exact: true }).fill('')
  await drawer.getByLabel('≥', { exact: true }).press('Tab')
  await drawer.locator('.ant-drawer-close').click()
  await choose(say('Values of another kind', '属性值不符合要求'), say('Quarantine', '隔离'))
  await choose(say('Events that are not in the plan', '方案外的事件'), say('Quarantine', '隔离'))
  await button(say('Save', '保存')).click()
  await saved()
  await shot('4-plan')
}

async function publish() {
  await page.getByRole('tab', { name: say('Preview', '预览') }).click()
  await button(say('Run the preview', '开始预览')).click()
  await row('amount').waitFor()
  const facts = await page.getByTestId('plan-preview').innerText()
  assert.match(facts, /30[\s\S]*\n9 /, facts) // 30 events, 9 of them above 20
  await shot('5-preview')
  await button(say('Publish…', '发布…')).click()
  await drawer.locator('.plan-diff').getByText(say('Paid: new event', 'Paid：新增事件')).waitFor()
  await drawer.getByLabel(say('Note', '备注'), { exact: true }).fill('first')
  await shot('6-publish')
  await drawer.getByRole('button', { name: say('Publish', '发布'), exact: true }).click()
  await page.locator('.pill').getByText(say('Live', '生效中'), { exact: true }).first().waitFor()
  await page.getByRole('tab', { name: say('Revisions', '版本记录') }).click()
  await page.locator('.plan-revisions').getByText('first', { exact: true }).waitFor()
  await shot('7-revisions')
  const coming = page.waitForEvent('download')
  await page.getByText('TypeScript', { exact: true }).click()
  assert.match((await coming).suggestedFilename(), /\.ts$/)
}

async function broken() {
  const body = { userId: 'u1', event: 'Paid', properties: { amount: 50, city: 'x' } }
  const res = await fetch(`${server}/v1/track`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${key}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  assert.ok(res.ok, await res.text())
  const plan = new URL(page.url()).pathname
  const found = row(say('Out of range', '超出范围'))
  for (const end = Date.now() + patience; Date.now() < end && (await found.count()) === 0; ) {
    await page.goto(`${server}${plan}?tab=breaches`)
    await page.locator('tr.ant-table-row, .state').first().waitFor()
  }
  assert.match(await found.innerText(), /amount[\s\S]*≤ 20/)
  await shot('8-breaches')
  await found.getByRole('button', { name: say('Look at', '查看'), exact: true }).click()
  await page.getByRole('menuitem', { name: say('In quarantine', '在隔离区查看') }).click()
  await page.waitForURL(/quarantine\?.*code=tracking_plan/)
  await row('Paid').click()
  await drawer.getByText(say('Open the tracking plan “Shop 店”', '打开埋点方案“Shop 店”')).click()
  await page.waitForURL((u) => u.pathname === plan && u.searchParams.get('event') === 'Paid')
  await drawer.getByLabel(say('Display name', '显示名'), { exact: true }).waitFor()
  await page.goto(`${server}/collect/catalogue?event=Paid`)
  await page.getByTestId('event-plans').getByText('付款 Paid').waitFor()
  await shot('9-catalogue')
  await page.setViewportSize({ width: 390, height: 844 })
  for (const [name, search] of [['list', ''], ['plan', plan], ['breaches', `${plan}?tab=breaches`], ['editor', `${plan}?event=Paid`]]) {
    await page.goto(name === 'list' ? `${server}/plans` : `${server}${search}`)
    await page.getByText('Paid').or(page.getByText('Shop 店')).first().waitFor()
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert.ok(over <= 0, `${name} is ${over} px wider than a telephone`)
    await shot(`small-${name}`)
  }
}

try {
  await begin()
  await edit()
  await publish()
  await broken()
  assert.deepEqual(faults, [])
} catch (err) {
  await shot('failure').catch(() => {})
  console.error(`at ${page.url()}: ${err.stack}\n${faults.join('\n')}`)
  process.exitCode = 1
} finally {
  await browser.close()
}
