// The npm package alipay-sdk, judged by its documented calls: rsaCheck over the quoted ciphertext, then aesDecrypt.
// The hash is RSA2, as in the README; a `sign_type` that the message brings along is not asked.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { AlipaySdk } = createRequire(new URL('../../bench/node/package.json', import.meta.url))('alipay-sdk');
const BUGS = [TypeError, RangeError, ReferenceError];

function judge({ way, input, keys }) {
  if (way !== 'envelope') return { unsupported: true };
  const sdk = new AlipaySdk({
    appId: keys.app_id,
    privateKey: 'not used',
    alipayPublicKey: keys.alipay_public_key,
    encryptKey: keys.aes_key,
  });
  const { response, sign } = JSON.parse(input) ?? {};
  if (typeof response !== 'string' || typeof sign !== 'string') return { refused: 'response, sign' };
  if (!sdk.rsaCheck(`"${response}"`, sign, 'RSA2')) return { refused: 'signature' };
  const found = JSON.parse(sdk.aesDecrypt(response));
  const { code, mobile } = found ?? {};
  if (code !== '10000') return { refused: String(code) };
  if (typeof mobile !== 'string' || !mobile) return { refused: 'no mobile' };
  return { phone_number: mobile.includes('-') ? `+${mobile.replaceAll('-', '')}` : `+86${mobile}` };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = judge(JSON.parse(line));
  } catch (error) {
    if (BUGS.some((bug) => error instanceof bug)) throw error;
    answer = { refused: error.message };
  }
  console.log(JSON.stringify(answer));
}
