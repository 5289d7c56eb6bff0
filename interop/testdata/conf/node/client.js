// node client.js PORT IDENTITY KEYFILE: sends its input, prints what comes.
const fs = require('fs');
const tls = require('tls');

const [port, identity, file] = process.argv.slice(2);
const key = Buffer.from(fs.readFileSync(file, 'latin1').trim(), 'hex');

const socket = tls.connect({
  host: '127.0.0.1',
  port: Number(port),
  ciphers: 'PSK',
  pskCallback: hint => ({ identity, psk: key }),
  checkServerIdentity: () => undefined, // the key is the proof: there is no certificate
}, () => {
  console.error('secure', socket.getProtocol(), socket.getCipher().standardName);
  process.stdin.pipe(socket); // and the end of our input ends our stream
});
socket.pipe(process.stdout);
socket.on('error', error => { console.error('error', error.code); process.exitCode = 1; });
