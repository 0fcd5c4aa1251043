// What a user of the npm package `openwhisk` does with the platform; prints what it got as one line of JSON.
// Started with the folder of the package, the address and the key; exits with 1 where something fails.
'use strict'

const [folder, apihost, apiKey] = process.argv.slice(2)
const openwhisk = require(folder + '/node_modules/openwhisk')
const ow = openwhisk({ apihost, api_key: apiKey })
const image = 'me/echo:1'

const ended = async activationId => {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await ow.activations.get({ name: activationId })
    } catch (problem) {
      if (problem.statusCode !== 404) throw problem
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
  throw new Error('no record of ' + activationId)
}

const failure = async call => {
  try {
    await call()
    return 'no failure'
  } catch (problem) {
    return { status: problem.statusCode, error: problem.error }
  }
}

const main = async () => {
  const got = {}
  got.created = await ow.actions.create({
    name: 'hello',
    action: { exec: { kind: 'blackbox', image }, annotations: [{ key: 'web-export', value: true }] }
  })
  got.again = await failure(() => ow.actions.create({ name: 'hello', action: { exec: { kind: 'blackbox', image } } }))
  got.updated = await ow.actions.update({ name: 'hello', action: { exec: { kind: 'blackbox', image } } })
  got.result = await ow.actions.invoke({ name: 'hello', params: { x: 1 }, blocking: true, result: true })
  got.blocking = await ow.actions.invoke({ name: 'hello', params: { x: 2 }, blocking: true })
  got.failed = await failure(() => ow.actions.invoke({ name: 'hello', params: { fail: 'no' }, blocking: true }))
  const later = await ow.actions.invoke({ name: 'hello' })
  got.record = await ended(later.activationId)
  got.logs = await ow.activations.logs({ name: later.activationId })
  got.activationResult = await ow.activations.result({ name: later.activationId })
  got.activations = await ow.activations.list({ limit: 2 })
  got.packageMade = await ow.packages.update({ name: 'tools' })
  await ow.actions.update({ name: 'tools/hello', action: { exec: { kind: 'blackbox', image } } })
  got.packaged = await ow.actions.invoke({ name: 'tools/hello', blocking: true, result: true })
  got.packageShown = await ow.packages.get({ name: 'tools' })
  got.code = await ow.actions.update({ name: 'coded', kind: 'blackbox', exec: { image }, action: 'text', params: { a: 1 } })
  got.shown = await ow.actions.get({ name: 'coded', code: false })
  got.list = await ow.actions.list()
  got.packages = await ow.packages.list()
  got.triggers = await ow.triggers.list()
  got.rules = await ow.rules.list()
  got.namespaces = await ow.namespaces.list()
  for (const name of ['tools/hello', 'coded', 'hello']) got.deleted = await ow.actions.delete({ name })
  await ow.packages.delete({ name: 'tools' })
  got.left = (await ow.actions.list()).length + (await ow.packages.list()).length
  got.missing = await failure(() => ow.actions.get({ name: 'hello' }))
  const stranger = openwhisk({ apihost, api_key: 'no:body' })
  got.stranger = await failure(() => stranger.actions.list())
  process.stdout.write(JSON.stringify(got))
}

main().catch(problem => {
  console.error(problem)
  process.exit(1)
})
