// Splits, merges, corrects and erases a person in the console.
// Usage: node interventions.mjs SERVER CHROMIUM SCREENSHOTS
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch, patience } from './chromium.mjs'

const [server, chromium, shots] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const browser = await launch(chromium)
const faults = []
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', reducedMotion: 'reduce' })
const page = await context.newPage()
page.setDefaultTimeout(patience)
page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
// Each screen as it is, then in the other look and on a telephone.
const shot = async (name) => {
  await page.waitForTimeout(300)
  await page.screenshot({ path: `${shots}/interventions-${name}.png` })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.waitForTimeout(200)
  await page.screenshot({ path: `${shots}/interventions-${name}-390.png` })
  await page.setViewportSize({ width: 1440, height: 900 })
}
const person = async (ref) => (await page.request.get(`${server}/api/v1/persons/${ref}`)).json()
const menu = async (name) => {
  await page.getByRole('button', { name: 'What can be done' }).click()
  await page.getByRole('menuitem', { name }).click()
}

try {
  const ann = await person('user_id:ann')
  await page.goto(`${server}/people/${ann.id}?tab=identity`)
  await page.getByRole('row', { name: /tablet/ }).getByRole('checkbox').check()
  await page.getByRole('button', { name: 'Take 1 out' }).click()
  const drawer = page.getByRole('dialog')
  await drawer.locator('[data-preview="2"]').getByText('A new person').waitFor() // what would come of it
  await shot('split')
  await drawer.getByRole('button', { name: 'Part them' }).click()
  const link = page.locator('[data-other]')
  await link.waitFor()
  await page.locator('[data-commands]').getByText('Split').waitFor()
  await shot('split-done')
  // One click takes it back; done again, it stays.
  await page.locator('[data-undo]').click()
  await page.getByText('Taken back, as if it had never been').waitFor()
  assert.equal((await person('anonymous_id:tablet')).id, ann.id)
  await page.getByRole('row', { name: /tablet/ }).getByRole('checkbox').check()
  await page.getByRole('button', { name: 'Take 1 out' }).click()
  await drawer.locator('[data-preview="2"]').waitFor()
  await drawer.getByRole('button', { name: 'Part them' }).click()
  await link.click()
  await page.getByText('Tablet Viewed').first().waitFor() // its history went with it
  assert.equal((await person('anonymous_id:tablet')).identifiers.length, 1)

  await page.goto(`${server}/people/${ann.id}?tab=traits`)
  await page.getByRole('button', { name: 'Correct city' }).click()
  await drawer.locator('#trait-value').fill('广州')
  await shot('trait')
  await drawer.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('cell', { name: '广州' }).waitFor()

  await menu('Merge with another person…')
  await drawer.getByRole('textbox').fill('bob')
  await drawer.locator('[data-person]').first().click()
  await drawer.getByText('Merge them', { exact: true }).waitFor()
  await drawer.locator('[data-wins]', { hasText: '广州' }).waitFor() // what the operator set is the latest
  const limit = drawer.getByRole('checkbox')
  await limit.waitFor() // two user ids are more than one person may have
  assert.ok(await drawer.getByRole('button', { name: 'Merge them' }).isDisabled())
  await shot('merge')
  await limit.check()
  await drawer.locator('[data-preview="1"]').waitFor()
  await shot('merge-preview')
  await drawer.getByRole('button', { name: 'Merge them' }).click()
  await drawer.waitFor({ state: 'hidden' })
  const one = await person('user_id:bob')
  assert.equal(one.id, (await person('user_id:ann')).id)
  assert.equal(one.traits.city, '广州')

  await menu('Erase…')
  const erase = drawer.getByRole('button', { name: 'Erase for ever' })
  assert.ok(await erase.isDisabled())
  await shot('erase')
  await drawer.locator('#erase-confirm').fill(one.id)
  await erase.click()
  await page.getByText(`${one.id} was erased, with ${one.identifiers.length} identifiers`).waitFor()
  await page.waitForURL(/\/people(\?.*)?$/)
  await page.goto(`${server}/people/${one.id}`)
  await page.getByText('Not found').first().waitFor()
  assert.deepEqual(faults, [])
  console.log(one.identifiers.length)
} catch (err) {
  await page.screenshot({ path: `${shots}/interventions-failed.png` })
  throw err
} finally {
  await browser.close()
}
