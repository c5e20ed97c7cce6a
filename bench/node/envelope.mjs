// One Alipay envelope as the README of alipay-sdk shows it: rsaCheck over the quoted ciphertext, then aesDecrypt.
// Reads one JSON object a line: {settings, envelope} first, answered {mobile}; then {calls}, answered
// {seconds, ops_per_second}.
import { createInterface } from 'node:readline';
import { AlipaySdk } from 'alipay-sdk';

let open;

function prepare({ settings, envelope }) {
  const sdk = new AlipaySdk({
    appId: settings.app_id,
    privateKey: settings.app_private_key,
    keyType: 'PKCS8',
    alipayPublicKey: settings.alipay_public_key,
    encryptKey: settings.aes_key,
  });
  open = () => {
    const { response, sign } = JSON.parse(envelope);
    if (!sdk.rsaCheck(`"${response}"`, sign, 'RSA2')) throw new Error('signature');
    return JSON.parse(sdk.aesDecrypt(response)).mobile;
  };
  for (let warmUp = 0; warmUp < 2000; warmUp += 1) open(); // what a server has compiled after its first minute
  return { mobile: open() };
}

function run({ calls }) {
  const started = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) open();
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  return { seconds, ops_per_second: calls / seconds };
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify(asked.settings ? prepare(asked) : run(asked)));
}
