// Webhooks and jobs as people use them, in a real browser: make a webhook, let its receiver take and refuse calls, make
// refused ones again, replace the secret; start an export on a segment's page, save its file, run a schedule.
// Usage: node act.mjs SERVER CHROMIUM SCREENSHOTS LANG WRITE_KEY SEGMENT
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots, lang, key, segment] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const zh = lang === 'zh'
const say = (en, cn) => (zh ? cn : en)
const browser = await launch(chromium)
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: zh ? 'zh-CN' : 'en-US', timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
const page = await context.newPage()
page.setDefaultTimeout(patience)
const faults = []
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
const shot = (name) => page.screenshot({ path: `${shots}/act-${lang}-${name}.png`, fullPage: true })
const button = (name) => page.getByRole('button', { name, exact: true })
const confirm = (name) => page.locator('.ant-modal-confirm').getByRole('button', { name, exact: true }).click()
const row = (text) => page.locator('tr.ant-table-row').filter({ hasText: text })

// A receiver that answers as it is told and keeps what it got, with every signature.
const got = []
let answer = 200
const receiver = createServer((req, res) => {
  const parts = []
  req.on('data', (d) => parts.push(d))
  req.on('end', () => {
    const body = Buffer.concat(parts).toString()
    got.push({ id: req.headers['webhook-id'], at: req.headers['webhook-timestamp'], signatures: String(req.headers['webhook-signature']).split(' '), body, answer })
    res.writeHead(answer).end('noted')
  })
})
await new Promise((done) => receiver.listen(0, '127.0.0.1', done))
const signed = (call, secret) =>
  call.signatures.includes(`v1,${createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64')).update(`${call.id}.${call.at}.${call.body}`).digest('base64')}`)

async function identify(userId, traits) {
  const res = await fetch(`${server}/v1/identify`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${key}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId, traits }) })
  assert.ok(res.ok, await res.text())
}

async function webhooks() {
  await page.goto(`${server}/webhooks`)
  await page.getByText(say('No webhooks yet', '暂无 Webhook')).waitFor()
  await shot('1-empty')
  await button(say('New webhook', '新建 Webhook')).first().click()
  await page.getByLabel(say('Name', '名称'), { exact: true }).fill('CRM')
  await page.getByLabel(say('Address', '接收地址'), { exact: true }).fill(`http://127.0.0.1:${receiver.address().port}/hook`)
  await page.getByRole('combobox', { name: say('Segments', '人群') }).fill('进店')
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option').first().click()
  await page.keyboard.press('Escape')
  await button(say('Create', '新建')).click()
  const secret = (await page.getByTestId('new-secret').locator('pre').first().innerText()).trim()
  assert.match(secret, /^whsec_/)
  await button(say('I have copied it', '我已复制')).click()
  await page.waitForURL(/webhooks\/wh_/)
  await page.getByText(say('Nothing delivered yet', '暂无已送达的通知')).waitFor()

  // One comes and is told.
  await identify('user-1', { state: 'in' })
  await row(say('Entered “进店', '进入“进店')).first().waitFor()
  assert.equal(got.length, 1)
  assert.ok(signed(got[0], secret), 'the call is signed with the secret that was shown')
  assert.equal(JSON.parse(got[0].body).type, 'segment.entered')
  await shot('2-delivered')

  // A receiver that wants no more gets no more until somebody says so.
  answer = 410
  await identify('user-1', { state: 'out' })
  await page.getByText(say('Given up', '已放弃')).last().click()
  await row('HTTP 410').waitFor()
  await page.locator('.ant-alert', { hasText: say('Paused', '已暂停') }).waitFor()
  const reason = say('it wants no more calls', '接收方返回 410：不再接收通知')
  assert.match(await row('HTTP 410').innerText(), new RegExp(reason))
  await row('HTTP 410').locator('td').nth(2).click()
  await page.locator('.ant-drawer').getByText(reason).first().waitFor()
  await shot('3-given-up')
  await page.keyboard.press('Escape')
  await page.waitForURL((u) => !u.search.includes('delivery'))

  answer = 200
  await button(say('Resume', '恢复')).click()
  await button(say('Pause', '暂停')).waitFor()
  await button(say('Make all again', '全部重新投递')).click()
  await confirm(say('Make again', '重新投递'))
  await page.getByText(say('Nothing was given up', '没有已放弃的通知')).waitFor()
  await page.getByText(say('Delivered', '已送达'), { exact: true }).last().click()
  await row(say('Left “进店', '离开“进店')).waitFor()
  const [, refused, again] = got
  assert.equal(got.length, 3)
  assert.equal(refused.id, again.id, 'the call that is made again has the same id')
  assert.equal(refused.body, again.body)

  // A new secret signs at once, and the old one beside it.
  await button(say('Replace the secret', '更换密钥')).click()
  await confirm(say('Replace the secret', '更换密钥'))
  const next = (await page.getByTestId('new-secret').locator('pre').first().innerText()).trim()
  await button(say('Send a test', '发送测试')).click()
  await page.getByTestId('test-result').getByText(say('The test was delivered', '测试已送达')).waitFor()
  const test = got.at(-1)
  assert.ok(next !== secret && signed(test, next) && signed(test, secret), 'both secrets sign')
  await shot('4-replaced')
}

async function jobs() {
  await page.goto(`${server}/segments/${segment}?tab=members`)
  await button(say('Export in the background', '后台导出')).click()
  await page.waitForURL(/\/jobs\?.*open=/)
  const drawer = page.locator('.ant-drawer')
  await drawer.getByText(say('Done', '已完成')).first().waitFor()
  await shot('5-export')
  const saving = page.waitForEvent('download')
  await drawer.getByText(say('Download', '下载'), { exact: true }).click()
  const file = await (await saving).path()
  const text = await readFile(file, 'utf8')
  assert.match(text, /user-0/)
  assert.match(text, /13800138000/)
  assert.doesNotMatch(text, /user-1/)
  assert.equal(text.trim().split('\n').length, 2, text)
  await page.keyboard.press('Escape')

  await page.getByRole('tab', { name: say('Schedules', '定时任务') }).click()
  await button(say('New schedule', '新建定时任务')).first().click()
  await drawer.getByLabel(say('Name', '名称'), { exact: true }).fill('Weekly list')
  await drawer.getByRole('combobox', { name: say('Job', '任务'), exact: true }).click()
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option', { hasText: say('Export people of a segment', '导出人群成员') }).click()
  await drawer.getByRole('combobox', { name: say('Segment', '人群'), exact: true }).click()
  await page.locator('.ant-select-dropdown:visible .ant-select-item-option', { hasText: '进店' }).click()
  await drawer.getByText(say('Mondays at 9:00', '每周一 9:00'), { exact: true }).click()
  await drawer.locator('.preview-runs li').nth(4).waitFor()
  await shot('6-schedule')
  await drawer.getByRole('button', { name: say('Create', '新建'), exact: true }).click()
  await row('Weekly list').click()
  await drawer.getByRole('button', { name: say('Run now', '立即运行') }).click()
  await page.keyboard.press('Escape')
  await row('Weekly list').getByText(say('Done', '已完成')).waitFor()
  await shot('7-ran')
}

try {
  await webhooks()
  await jobs()
  assert.deepEqual(faults, [])
} catch (err) {
  await shot('failure').catch(() => {})
  console.error(`at ${page.url()}: ${err.stack}\n${faults.join('\n')}`)
  process.exitCode = 1
} finally {
  receiver.close()
  receiver.closeAllConnections()
  await browser.close()
}
