// The way from a rule to an exported list, in a real browser: build conditions by drag and by keyboard, copy them, take
// things back; see who is lost where, what the people are like and which other segments they are in; ask about a past day;
// freeze a list and save its file; begin a webhook.
// Usage: node explorer.mjs SERVER CHROMIUM SCREENSHOTS LANG
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
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
const shot = (name) => page.screenshot({ path: `${shots}/explorer-${lang}-${name}.png`, fullPage: true })
const button = (name) => page.getByRole('button', { name, exact: true })

const shanghai = { trait: 'city', op: 'eq', value: '上海' }
const gold = { trait: 'tier', op: 'eq', value: 'gold' }
const silver = { trait: 'tier', op: 'eq', value: 'silver' }
const bought = { event: 'Order Completed', count: { op: 'gte', value: 1 }, within: '30d' }
const conditions = page.getByTestId('rule-condition')
const handle = (i) => conditions.nth(i).locator('.rule-handle')

// The draft stands in the address.
const ruleIs = (rule) =>
  page.waitForFunction((want) => new URL(location.href).searchParams.get('rule') === want, JSON.stringify(rule))

async function build() {
  const begun = { and: [gold, shanghai, { or: [silver] }, bought] }
  await page.goto(`${server}/segments/new?rule=${encodeURIComponent(JSON.stringify(begun))}`)
  await page.getByLabel(say('Name', '名称')).first().fill('上海金银会员 · Gold and silver of Shanghai')
  await conditions.nth(3).waitFor()

  // By keyboard: down past the next condition, and into the group.
  await handle(0).focus()
  await page.keyboard.press('ArrowDown')
  await ruleIs({ and: [shanghai, gold, { or: [silver] }, bought] })
  await page.getByTestId('rule-moved').filter({ hasText: say('Moved: 2 of 4', '第 2 项，共 4 项') }).waitFor()
  await page.keyboard.press('ArrowDown')
  await ruleIs({ and: [shanghai, { or: [gold, silver] }, bought] })

  // Taken back one by one, and done again.
  await page.keyboard.press('Control+z')
  await ruleIs({ and: [shanghai, gold, { or: [silver] }, bought] })
  await page.keyboard.press('Control+Shift+z')
  await ruleIs({ and: [shanghai, { or: [gold, silver] }, bought] })

  // By pointer: the last condition before the first. Escape calls a drag off.
  const [from, to] = [await handle(3).boundingBox(), await conditions.nth(0).boundingBox()]
  const drag = async () => {
    await page.mouse.move(from.x + 6, from.y + 10)
    await page.mouse.down()
    await page.mouse.move(from.x + 20, from.y - 20, { steps: 4 })
    await page.mouse.move(to.x + 60, to.y + 3, { steps: 6 })
    await page.locator('li[data-drop=before]').waitFor()
  }
  await drag()
  await page.keyboard.press('Escape')
  await page.mouse.up()
  await page.locator('.rule-ghost').waitFor({ state: 'hidden' })
  await drag()
  // Only what is seen: a picture of the whole page changes its size for a moment, under the pointer.
  await page.screenshot({ path: `${shots}/explorer-${lang}-1-drag.png` })
  await page.mouse.move(to.x + 62, to.y + 4)
  await page.locator('li[data-drop=before]').waitFor()
  await page.mouse.up()
  await ruleIs({ and: [bought, shanghai, { or: [gold, silver] }] })

  // Copied and pasted below itself; cut again.
  await handle(1).focus()
  await page.keyboard.press('Control+c')
  await page.keyboard.press('Control+v')
  await ruleIs({ and: [bought, shanghai, shanghai, { or: [gold, silver] }] })
  await page.keyboard.press('Control+x')
  await ruleIs({ and: [bought, shanghai, { or: [gold, silver] }] })

  // By the menu: a condition in a group of its own, and out of it.
  await handle(1).click()
  await page.getByRole('menuitem', { name: say('Put in a group', '放入新的条件组') }).click()
  await ruleIs({ and: [bought, { or: [shanghai] }, { or: [gold, silver] }] })
  await page.locator('.rule-group-head .rule-handle').first().click()
  await page.getByRole('menuitem', { name: say('Dissolve the group', '解散条件组') }).click()
  await ruleIs({ and: [bought, shanghai, { or: [gold, silver] }] })

  // Of the 20 who bought, 10 are of Shanghai; of those 4 are gold (0, 6, 12, 18) and 3 silver (4, 10, 16).
  await page.getByTestId('preview-members').filter({ hasText: /^7$/ }).waitFor()
  assert.deepEqual(await page.getByTestId('condition-count').allTextContents(), ['20', '30', '20', '20'])
  await shot('2-built')

  // The same as text: a mistake is told with its place and changes nothing, what can be read is the rule.
  await page.locator('.ant-segmented-item').filter({ hasText: say('Text', '文本') }).click()
  const text = page.getByLabel(say('Conditions as text', '文本形式的条件'))
  await page.waitForFunction(() => document.querySelector('.rule-json textarea')?.value.includes('Order Completed'))
  const written = await text.inputValue()
  await text.fill(`${written} and`)
  await page.locator('.rule-error').waitFor()
  await shot('2b-text')
  await text.fill(written.replace('"silver"', '"bronze"').replace('silver', 'bronze'))
  // "At least once" is what an event means by itself: read from text it is not said.
  const { count: _, ...once } = bought
  await ruleIs({ and: [once, shanghai, { or: [gold, { ...silver, value: 'bronze' }] }] })
  await page.locator('.ant-segmented-item').filter({ hasText: say('Builder', '可视化') }).click()
  await button(say('Undo', '撤销')).click()
  await ruleIs({ and: [bought, shanghai, { or: [gold, silver] }] })
  await page.getByTestId('preview-members').filter({ hasText: /^7$/ }).waitFor()
}

async function create() {
  await button(say('Create segment', '新建人群')).click()
  await page.getByTestId('segment-members').filter({ hasText: /^7$/ }).waitFor()
  return new URL(page.url()).pathname.split('/').pop()
}

const drawer = page.locator('.ant-drawer')
const total = (n) => page.getByTestId('explorer-members').filter({ hasText: new RegExp(`^${n}$`) }).waitFor()
const cells = (row) => row.locator('td').allTextContents()

// The numbers are those of the world: see build. Without "bought" 20 would be in, without the city 14, without the group 10.
async function explore(id) {
  await total(7)
  const rows = page.getByTestId('waterfall').locator('tbody tr')
  await rows.nth(3).waitFor()
  assert.deepEqual(await cells(rows.nth(0)), ['', '60', ''])
  assert.deepEqual(await cells(rows.nth(1)), ['−40', '20', '13'])
  assert.deepEqual(await cells(rows.nth(2)), ['−10', '10', '7'])
  assert.deepEqual(await cells(rows.nth(3)), ['−3', '7', '3'])
  await page.getByTestId('portrait-field').first().waitFor()
  await page.getByTestId('overlap').locator('.upset-column').nth(1).waitFor()
  await page.getByTestId('size').locator('canvas').first().waitFor()
  await page.getByTestId('flow').locator('dd').first().waitFor()
  await shot('3-explored')

  // A number is a door: to whom the last condition loses, and from there to all about them.
  await rows.nth(3).locator('td').first().getByRole('button').click()
  await page.getByTestId('behind-members').filter({ hasText: /^3$/ }).waitFor()
  assert.equal(await drawer.locator('.person-list li').count(), 3)
  await shot('4-lost')
  await page.reload()
  await page.getByTestId('behind-members').filter({ hasText: /^3$/ }).waitFor()
  await drawer.getByRole('link', { name: say('Explore', '查看洞察') }).click()
  await page.waitForURL(/segments\/explore/)
  await total(3)
  await page.goBack()

  // Who is in two segments at once: all seven bought something.
  await page.goto(`${server}/segments/${id}`)
  const both = page.getByTestId('overlap').locator('.upset-column[data-self]')
  await both.first().waitFor()
  assert.equal(await both.count(), 1)
  await both.click()
  await page.getByTestId('behind-members').filter({ hasText: /^7$/ }).waitFor()
  await shot('5-overlap')
  await page.keyboard.press('Escape')
  await page.waitForURL((url) => !url.searchParams.has('meet'))

  // By one trait, and on to those who have one of its values.
  await page.goto(`${server}/segments/${id}?fields=${encodeURIComponent('["tier"]')}`)
  const tier = page.getByTestId('portrait-field').filter({ hasText: 'tier' })
  await tier.getByRole('link', { name: 'gold' }).waitFor()
  assert.equal(await page.getByTestId('portrait-field').count(), 1)
  await tier.getByRole('link', { name: 'gold' }).click()
  await page.waitForURL(/segments\/explore/)
  await total(4)

  // Five days ago nobody had bought anything.
  const day = new Date(Date.now() - 5 * 86400e3).toISOString().slice(0, 10)
  await page.goto(`${server}/segments/${id}?at=${day}`)
  await total(0)
  await shot('6-past')
  await button(say('Back to now', '回到当前')).click()
  await total(7)
}

async function list(id) {
  await page.getByTestId('explorer').getByRole('link', { name: say('Push by webhook', 'Webhook 推送') }).click()
  await drawer.getByText('上海金银会员').first().waitFor()
  await page.goto(`${server}/segments/${id}`)
  await total(7)
  await button(say('Freeze', '固化名单')).click()
  await page.getByLabel(say('Name of the list', '名单名称')).fill('名单 · List of seven')
  await button(say('Make list', '生成名单')).click()
  await page.getByRole('heading', { name: '名单 · List of seven' }).waitFor()
  await page.getByTestId('segment-rule').filter({ hasText: say('Frozen from', '固化自') }).waitFor()
  await page.getByTestId('segment-members').filter({ hasText: /^7$/ }).waitFor()
  await total(7)
  await shot('7-frozen')
  await button(say('Export in the background', '后台导出')).click()
  await page.waitForURL(/\/jobs\?.*open=/)
  await drawer.getByText(say('Done', '已完成')).first().waitFor()
  const saving = page.waitForEvent('download')
  await drawer.getByText(say('Download', '下载'), { exact: true }).click()
  const rows = (await readFile(await (await saving).path(), 'utf8')).trim().split('\n')
  assert.equal(rows.length, 8, rows.join('\n'))
  for (const n of ['00', '04', '06', '10', '12', '16', '18']) assert.ok(rows.some((r) => r.includes(`buyer-${n}`)), n)
}

try {
  await build()
  const id = await create()
  await explore(id)
  await list(id)
  assert.deepEqual(faults, [])
} catch (err) {
  await shot('failure').catch(() => {})
  console.error(`at ${page.url()}: ${err.stack}\n${faults.join('\n')}`)
  process.exitCode = 1
} finally {
  await browser.close()
}
