// node-easywechat, judged: what its decryptSession calls, and the Encryptor of its server for messages. They are loaded by
// their own names: the whole package fails to load with the version of node-socialite that it asks for.
import { answer, element, require } from './judge.mjs';

const Decryptor = require('node-easywechat/dist/MiniApp/Decryptor');
const Encryptor = require('node-easywechat/dist/Core/Encryptor');

await answer(({ platform, way, input, keys }) => {
  if (platform === 'wechat' && way === 'session-key') {
    const { countryCode, purePhoneNumber } = Decryptor.decrypt(keys.session_key, input.iv, input.encryptedData) ?? {};
    if (typeof countryCode !== 'string' || typeof purePhoneNumber !== 'string') return { refused: 'no number' };
    // It compares nothing; the watermark is there for whoever looks.
    return { phone_number: `+${countryCode}${purePhoneNumber}` };
  }
  if (way !== 'push') return { unsupported: true };
  const encryptor = new Encryptor(keys.app_id, keys.token, keys.encoding_aes_key, keys.app_id);
  const { timestamp, nonce, msg_signature } = input.query;
  const message = encryptor.decrypt(element(input.body, 'Encrypt'), msg_signature, nonce, timestamp);
  return { ticket: element(message, 'ComponentVerifyTicket') };
});
