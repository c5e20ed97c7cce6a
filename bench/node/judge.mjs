// What alipay-sdk thinks of what haoma and its mirror write. Reads {settings, questions: [{ask, …}]} on stdin, where
// settings are an app's table of haoma.toml; writes a list of answers: {answer} or {refused: "why"}.
import { text } from 'node:stream/consumers';
import { AlipaySdk } from 'alipay-sdk';

function configured(settings) {
  return new AlipaySdk({
    appId: settings.app_id,
    privateKey: settings.app_private_key,
    keyType: 'PKCS8',
    encryptKey: settings.aes_key,
    alipayPublicKey: settings.alipay_public_key,
    appCertContent: settings.app_cert,
    alipayPublicCertContent: settings.alipay_cert,
    alipayRootCertContent: settings.alipay_root_cert,
  });
}

const judgements = {
  // The README's way: rsaCheck over the quoted ciphertext, then aesDecrypt.
  open(sdk, { envelope }) {
    const { response, sign } = JSON.parse(envelope);
    if (!sdk.rsaCheck(`"${response}"`, sign, 'RSA2')) throw new Error('signature');
    return JSON.parse(sdk.aesDecrypt(response));
  },
  // The string to sign is put together by the SDK, from the parameters.
  signed: (sdk, { parameters }) => sdk.checkNotifySignV2(parameters),
  serial_names: (sdk) => ({ app: sdk.config.appCertSn, alipay: sdk.config.alipayCertSn, root: sdk.config.alipayRootCertSn }),
  // The SDK cuts the signed slice out of the gateway's reply in its own way, and throws when the signature is wrong.
  reply(sdk, { body, node }) {
    const parsed = JSON.parse(body);
    sdk.checkResponseSign(body, node, parsed.sign, '');
    return parsed[node];
  },
};

const { settings, questions } = JSON.parse(await text(process.stdin));
const sdk = configured(settings);
const answers = questions.map((question) => {
  try {
    return { answer: judgements[question.ask](sdk, question) };
  } catch (error) {
    return { refused: error.message };
  }
});
console.log(JSON.stringify(answers));
