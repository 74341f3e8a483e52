// From a file to a chart in a real browser: send a file (with the connection cut on the way), say what its columns are,
// look at the preview, try, import, and open the chart of its events.
// Usage: node import-file.mjs SERVER CHROMIUM SCREENSHOTS FILE LANG
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, file, lang] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const zh = lang === 'zh'
const say = (en, cn) => (zh ? cn : en)
const browser = await launch(chromium)
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: zh ? 'zh-CN' : 'en-US', timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
const page = await context.newPage()
page.setDefaultTimeout(patience)
const faults = []
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
const shot = (name) => page.screenshot({ path: `${shots}/import-${lang}-${name}.png`, fullPage: true })
const field = (name) => page.getByRole('combobox', { name, exact: true }).or(page.getByRole('textbox', { name, exact: true })).first()
const figure = (name) => page.locator('.facts > div', { has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) }).locator('dd')
const choose = async (name, option) => {
  const box = page.getByRole('combobox', { name, exact: true })
  await box.click()
  await box.fill(option)
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option', { hasText: option }).first().click()
}

try {
  await page.goto(`${server}/collect/imports`)
  await page.getByRole('link', { name: say('Import a file', '导入文件') }).first().click()
  await page.getByText(say('Drop a file here', '将文件拖到此处')).waitFor()
  await shot('1-drop')

  // The connection is cut at the second part, and a part's answer is lost: the upload goes on by itself.
  let parts = 0
  const offsets = []
  await page.route('**/api/v1/uploads/*?offset=*', async (route) => {
    offsets.push(Number(new URL(route.request().url()).searchParams.get('offset')))
    parts++
    if (parts === 2) return route.abort('connectionfailed')
    if (parts === 3) {
      await route.fetch()
      return route.abort('connectionreset')
    }
    return route.continue()
  })
  await page.getByLabel(say('Choose a file', '选择文件')).last().setInputFiles(file)
  await page.getByText(say('No connection', '网络已断开')).waitFor()
  await shot('2-cut')
  await page.getByRole('heading', { name: say('What the columns are', '列映射') }).waitFor()
  assert.ok(parts > 3 && offsets[2] === offsets[1] && offsets[3] > offsets[2], `the parts began at ${offsets}`)

  // What was guessed is shown with its reason; the rest is said.
  assert.match(page.url(), /upload=upl_/)
  await page.getByText(say('What the columns are', '列映射')).waitFor()
  await page.locator('.preview-table tbody tr').first().waitFor()
  await page.getByRole('textbox', { name: say('Event name', '事件名'), exact: true }).fill('Product Purchased')
  await field(say('Time zone', '时区')).fill('Europe/London')
  await page.keyboard.press('Escape')
  const becomes = say('Becomes', '导入为')
  await choose(`${becomes}: CustomerID`, say('User ID', '用户 ID'))
  await choose(`${becomes}: InvoiceNo`, say('Anonymous ID', '匿名 ID'))
  await page.getByRole('button', { name: say('Add a product', '添加乘积') }).click()
  await page.getByRole('textbox', { name: say('Name of the field', '字段名') }).fill('amount')
  const factors = page.getByRole('combobox', { name: say('Columns to multiply', '相乘的列') })
  for (const column of ['Quantity', 'UnitPrice']) {
    await factors.click()
    await factors.fill(column)
    await page.keyboard.press('Enter')
  }
  await page.locator('.add-field').getByRole('button').last().click()
  await page.getByText('amount = Quantity × UnitPrice').waitFor()
  await page.locator('.preview-table thead', { hasText: 'amount' }).waitFor()
  assert.match(await page.locator('.preview-table tbody tr').first().innerText(), /15\.3/)
  await shot('3-mapping')

  // The text is the same mapping, both ways; an error names its line and leaves the preview.
  await page.getByText(say('YAML', 'YAML 文本'), { exact: true }).click()
  const text = page.locator('textarea.yaml-text')
  assert.match(await text.inputValue(), /zone: "Europe\/London"/)
  const good = await text.inputValue()
  await text.fill(`${good}nonsense: 1\n`)
  await page.locator('.preview-card .notice', { hasText: 'nonsense' }).waitFor()
  await shot('4-yaml-error')
  await text.fill(good.replace(/message_id:.*\n/, ''))
  await page.locator('.preview-card .notice').waitFor({ state: 'detached' })
  await page.getByText(say('Form', '表单'), { exact: true }).click()
  await page.reload() // what was said stays
  await page.getByText('amount = Quantity × UnitPrice').waitFor()

  await page.getByRole('button', { name: say('Save mapping', '保存映射') }).click()
  await page.getByRole('textbox', { name: say('Name of the mapping', '映射名称') }).fill(say('Retail lines', '零售明细'))
  await page.locator('.add-field').getByRole('button').last().click()
  await page.getByText(say('The mapping is saved', '映射已保存')).waitFor()

  await page.getByRole('button', { name: say('Dry run', '试运行'), exact: true }).click()
  await page.getByText(say('nothing was changed', '未写入任何数据')).last().waitFor({ timeout: 2 * patience })
  assert.equal(await figure(say('Rows', '总行数')).last().innerText(), '541,909')
  await shot('5-dry-run')

  await field(say('Source', '数据源')).fill(`retail-${lang}`)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: say('Import', '开始导入'), exact: true }).click()
  await page.getByRole('button', { name: say('Cancel import', '取消导入') }).waitFor()
  await shot('6-running')
  await page.getByText(say('Import finished', '导入完成')).waitFor({ timeout: 4 * patience })
  assert.equal(await figure(say('Accepted', '已接收')).innerText(), '541,909')
  await shot('7-finished')

  // The door leads to a chart over the days that the file is of.
  await page.getByRole('link', { name: say('Make a chart', '制作图表') }).click()
  await page.locator('.trend-chart canvas').first().waitFor()
  assert.match(page.url(), /2010-12-01(~|%7E)2011-12-09/)
  await shot('8-chart')
  const total = await page.evaluate(async () => {
    const ask = (measure) => fetch('/api/v1/query', {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'trend', from: '2010-01-01T00:00:00Z', to: '2012-01-01T00:00:00Z', interval: 'total', series: [measure] }),
    }).then((r) => r.json()).then((a) => a.rows[0][2])
    return { sum: await ask({ event: 'Product Purchased', measure: 'sum', property: 'amount' }), count: await ask({ event: 'Product Purchased', measure: 'count' }) }
  })
  assert.equal(total.count, 541909)
  assert.ok(Math.abs(total.sum - 9747747.93) < 0.01, `the sum is ${total.sum}`)

  // The same file once more: it is here, its mapping is offered, and it adds nothing.
  await page.goto(`${server}/collect/imports/new`)
  await page.getByRole('button', { name: /online_retail/ }).first().click()
  await page.locator('.preview-table tbody tr').first().waitFor()
  await page.evaluate(() => sessionStorage.clear())
  await page.reload()
  await page.getByRole('button', { name: say('Use Retail lines', '使用“零售明细”') }).click()
  await page.getByText('amount = Quantity × UnitPrice').waitFor()
  await field(say('Source', '数据源')).fill(`retail-${lang}`)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: say('Import', '开始导入'), exact: true }).click()
  await page.getByText(say('was imported into', '已导入过数据源')).waitFor()
  await shot('9-again')
  assert.deepEqual(faults, [])
} catch (err) {
  await shot('failed')
  throw err
} finally {
  await browser.close()
}
