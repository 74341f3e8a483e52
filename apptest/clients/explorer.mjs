// The way from a rule to a list, in a real browser: build conditions by drag and by keyboard, copy them, take things back.
// Usage: node explorer.mjs SERVER CHROMIUM SCREENSHOTS LANG
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
  await shot('1-drag')
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
}

async function create() {
  await button(say('Create segment', '新建人群')).click()
  await page.getByTestId('segment-members').filter({ hasText: /^7$/ }).waitFor()
}

await build()
await create()
assert.deepEqual(faults, [])
await browser.close()
