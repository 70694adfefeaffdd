// libas2 as a peer: JSON lines in, JSON lines out.
//
// The first line says who we are, who the partner is and what is agreed under each of our AS2 names. Then each line in
// is a message to send, answered under its `id`. Messages and receipts that arrive at the listener are told as events.
// What libas2 offers is used as it is: composing, parsing, decrypting, verifying, receipts. What it does not offer is
// here: the HTTP listener, and handing its parser the bytes of a body as they came (its own way decodes them as UTF-8).
'use strict'

const http = require('http')
const readline = require('readline')
const { AS2Composer, AS2Disposition, AS2Parser, request } = require('libas2')

const HEADERS_OF_HTTP = ['connection', 'transfer-encoding', 'host', 'keep-alive']

let setup

function tell (line) {
  process.stdout.write(JSON.stringify(line) + '\n')
}

// Its cryptography rejects with plain strings and objects too.
function reason (error) {
  return String((error && (error.stack || error.message || error.resultMessage)) || JSON.stringify(error))
}

// Only what belongs to the MIME entity, then the body byte for byte.
function entity (rawHeaders, body) {
  let head = ''
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!HEADERS_OF_HTTP.includes(rawHeaders[at].toLowerCase())) head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  }
  return Buffer.concat([Buffer.from(head + '\r\n', 'latin1'), body])
}

function agreement (ourName, agreed) {
  return {
    host: {
      name: ourName,
      id: ourName,
      url: agreed.receiptUrl || setup.url,
      certificate: setup.certificate,
      privateKey: setup.key,
      decrypt: agreed.decrypt || false,
      sign: agreed.sign || false,
      mdn: agreed.receipt ? { async: Boolean(agreed.receiptUrl), signing: agreed.receiptDigest } : undefined
    },
    partner: {
      name: setup.partner.name,
      id: setup.partner.name,
      url: agreed.url || setup.url,
      certificate: setup.partner.certificate,
      encrypt: agreed.encrypt || false,
      verify: agreed.verify || false,
      mdn: agreed.answerDigest ? { async: false, signing: agreed.answerDigest } : undefined
    }
  }
}

// A signed receipt must verify against the partner's certificate; libas2 raises where it does not.
async function readReceipt (node) {
  const signed = /^multipart\/signed/i.test(node.contentType || '')
  const read = await AS2Disposition.incoming(node, signed ? { cert: setup.partner.certificate } : undefined)
  const { disposition, originalMessageId, receivedContentMic } = read.notification
  return {
    signed,
    originalMessageId,
    processed: disposition.processed,
    description: disposition.description || null,
    mic: receivedContentMic || null
  }
}

async function send ({ ourName, messageId, content, contentType, filename }) {
  const agreed = setup.agreed[ourName]
  const composer = new AS2Composer({
    message: { content: Buffer.from(content, 'base64'), contentType, filename },
    agreement: agreement(ourName, agreed),
    additionalHeaders: { 'Message-ID': messageId }
  })
  const options = await composer.toRequestOptions(agreed.url)
  // A connection of its own: libas2 listens anew at each use of one that is kept.
  const response = await request({ ...options, auth: setup.credentials, agent: false })
  const answer = { status: response.statusCode, receipt: null }
  if (response.statusCode === 200 && /^multipart\//i.test(response.headers['content-type'] || '')) {
    answer.receipt = await readReceipt(await AS2Parser.parse(entity(response.rawHeaders, response.rawBody)))
  }
  return answer
}

async function take (incoming, body, response) {
  const node = await AS2Parser.parse(entity(incoming.rawHeaders, body))
  if (/^multipart\/(report|signed)/i.test(node.contentType || '') && body.includes('disposition-notification')) {
    tell({ event: 'receipt', ...await readReceipt(node) })
    response.writeHead(200).end()
    return
  }
  const ourName = incoming.headers['as2-to']
  const agreed = setup.agreed[ourName]
  const made = await AS2Disposition.outgoing({ node, agreement: agreement(ourName, agreed) })
  const content = made.contentNode && made.contentNode.content
  tell({
    event: 'message',
    ourName,
    messageId: incoming.headers['message-id'],
    processed: made.disposition.notification.disposition.processed,
    reason: (made.disposition.notification.disposition.description || { text: '' }).text,
    content: content ? Buffer.from(content).toString('base64') : null
  })
  await answer(incoming, made.dispositionNode, response)
}

async function answer (incoming, receipt, response) {
  if (!incoming.headers['disposition-notification-to']) {
    response.writeHead(200).end()
    return
  }
  const { headers, body } = await receipt.buildObject()
  const url = incoming.headers['receipt-delivery-option']
  if (!url) {
    response.writeHead(200, headers).end(body)
    return
  }
  response.writeHead(200).end()
  const delivered = await request({ url, headers, body, method: 'POST', agent: false })
  tell({ event: 'delivered', messageId: incoming.headers['message-id'], status: delivered.statusCode })
}

function listen () {
  const server = http.createServer((incoming, response) => {
    const pieces = []
    incoming.on('data', piece => pieces.push(piece))
    incoming.on('end', () => take(incoming, Buffer.concat(pieces), response).catch(error => {
      tell({ event: 'fault', text: reason(error) })
      if (!response.headersSent) response.writeHead(500)
      response.end()
    }))
  })
  const { hostname, port } = new URL(setup.url)
  server.listen(Number(port), hostname, () => tell({ event: 'listening' }))
}

// The parent's end closes standard input: nothing stays behind.
const lines = readline.createInterface({ input: process.stdin })
lines.on('close', () => process.exit(0))
lines.on('line', line => {
  const said = JSON.parse(line)
  if (!setup) {
    setup = said
    listen()
    return
  }
  send(said).then(found => tell({ id: said.id, ...found }), error => tell({ id: said.id, fault: reason(error) }))
})
