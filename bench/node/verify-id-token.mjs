// Verifies ID tokens with jose, and reads the discovery document with openid-client. Asked on stdin, answers on stdout.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { allowInsecureRequests, discovery } from 'openid-client'

let text = ''
for await (const piece of process.stdin) text += piece
const { issuer, tokens } = JSON.parse(text)
const found = await discovery(new URL(issuer), 'web', undefined, undefined, { execute: [allowInsecureRequests] })
const metadata = found.serverMetadata()
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))
const answers = []
for (const { token, audience } of tokens) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: metadata.issuer, audience, algorithms: metadata.id_token_signing_alg_values_supported,
    })
    answers.push({ sub: payload.sub, nonce: payload.nonce ?? null })
  } catch (error) {
    answers.push({ error: error.code })
  }
}
process.stdout.write(JSON.stringify({ metadata, answers }))
