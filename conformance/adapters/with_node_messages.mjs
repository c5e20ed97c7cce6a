// npm packages for WeChat's encrypted messages, judged: the signature compared, then decrypt, then the receiver's id.
// `node with_node_messages.mjs wechat-crypto`, or `@wecom/crypto`.
import { answer, element, require } from './judge.mjs';

const wanted = process.argv[2];

const OPENERS = {
  'wechat-crypto': ({ token, encoding_aes_key, app_id }, query, encrypted) => {
    const WXBizMsgCrypt = require('wechat-crypto');
    const crypt = new WXBizMsgCrypt(token, encoding_aes_key, app_id);
    if (crypt.getSignature(query.timestamp, query.nonce, encrypted) !== query.msg_signature) return null;
    return crypt.decrypt(encrypted);
  },
  '@wecom/crypto': ({ token, encoding_aes_key }, query, encrypted) => {
    const { decrypt, getSignature } = require('@wecom/crypto');
    if (getSignature(token, query.timestamp, query.nonce, encrypted) !== query.msg_signature) return null;
    return decrypt(encoding_aes_key, encrypted);
  },
};

await answer(({ way, input, keys }) => {
  if (way !== 'push') return { unsupported: true };
  const found = OPENERS[wanted](keys, input.query, element(input.body, 'Encrypt'));
  if (found === null) return { refused: 'signature' };
  if (found.id !== keys.app_id) return { refused: 'id' };
  return { ticket: element(found.message, 'ComponentVerifyTicket') };
});
