// node server.js PORT IDENTITY KEYFILE: sends back whatever comes.
const fs = require('fs');
const tls = require('tls');

const [port, identity, file] = process.argv.slice(2);
const key = Buffer.from(fs.readFileSync(file, 'latin1').trim(), 'hex');

const server = tls.createServer({
  ciphers: 'PSK',
  pskIdentityHint: 'watchword',
  pskCallback: (socket, offered) => offered === identity ? key : null,
}, socket => {
  console.log('secure', socket.getProtocol(), socket.getCipher().standardName);
  socket.on('error', error => console.log('error', error.code));
  socket.pipe(socket); // and the end of their stream ends ours
});
server.on('tlsClientError', error => console.log('refused', error.code));
server.listen(Number(port), '127.0.0.1', () => console.log('listening', server.address().port));
