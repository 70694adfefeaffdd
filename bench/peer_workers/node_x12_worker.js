// node-x12: segments, elements and envelopes as objects, nothing of a guide.
'use strict'

const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')

const [folder, file] = process.argv.slice(2)
const { X12Parser } = createRequire(path.join(folder, 'package.json'))('node-x12')
const interchange = new X12Parser(true).parse(fs.readFileSync(file, 'utf8'))
console.log(interchange.functionalGroups[0].transactions.length)
