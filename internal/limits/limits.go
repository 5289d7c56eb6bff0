// Package limits holds every constant that bounds something, each with its
// unit and the reason for it: first what the RFCs fix, then what we chose.
// It contains nothing else.
package limits

// From the RFCs.
const (
	// RecordHeaderLen is the size of a record header in bytes (RFC 9846 §5.1).
	RecordHeaderLen = 5

	// MaxPlaintext is the most bytes of content in one record, 2^14
	// (RFC 9846 §5.1).
	MaxPlaintext = 1 << 14

	// MaxInnerPlaintext is MaxPlaintext and the content type byte that
	// TLSInnerPlaintext adds (RFC 9846 §5.4).
	MaxInnerPlaintext = MaxPlaintext + 1

	// MaxCiphertext is the most bytes in the body of a protected record,
	// 2^14 + 256 (RFC 9846 §5.2).
	MaxCiphertext = MaxPlaintext + 256

	// MaxCiphertext12 is the same in TLS 1.2, 2^14 + 2048 (RFC 5246 §6.2.3).
	MaxCiphertext12 = MaxPlaintext + 2048

	// MinRecordSizeLimit is the smallest record_size_limit that a peer may
	// ask for, in bytes (RFC 8449 §4).
	MinRecordSizeLimit = 64

	// GCMRecordLimit is how many full-size records one AES-GCM key may seal,
	// rounded down from 2^24.5 (RFC 9846 §5.5).
	GCMRecordLimit = 23_726_566

	// MaxTicketLifetimeSeconds is seven days (RFC 9846 §4.7.1).
	MaxTicketLifetimeSeconds = 7 * 24 * 60 * 60

	// MaxEpochs is how many times a sender may update its key, 2^48 - 1
	// (RFC 9846 §4.7.3).
	MaxEpochs = 1<<48 - 1
)

// Ours.
const (
	// MinKeyLen is the shortest pre-shared key in bytes: 128 bits, the floor
	// of RFC 9257 §6.
	MinKeyLen = 16

	// MaxKeyLen is the longest pre-shared key in bytes: OpenSSL, GnuTLS and
	// stunnel accept no more.
	MaxKeyLen = 512

	// WarnKeyLen and WarnIdentityLen, in bytes, are what RFC 4279 §5.3 asks
	// every implementation to support; longer ones may not work elsewhere.
	WarnKeyLen      = 64
	WarnIdentityLen = 128

	// MaxIdentityLen is the longest external identity in bytes. The format
	// allows 65,535, but the ClientHello must stay within MaxClientHello
	// with several identities in it.
	MaxIdentityLen = 4096

	// MaxIdentityHint is the longest psk_identity_hint in bytes that a server
	// of ours sends: what RFC 4279 §5.3 asks every implementation to take.
	MaxIdentityHint = 128

	// MaxContextLen is the longest import context in bytes, for the same
	// reason (RFC 9258 §5.1 allows 65,535).
	MaxContextLen = 4096

	// MaxOfferedKeys is how many keys a client offers in one ClientHello:
	// each costs a binder.
	MaxOfferedKeys = 8

	// MaxOfferedIdentityBytes is the most bytes of all identities and
	// application protocols that a client offers in one ClientHello: with
	// shares, binders and a cookie they stay within MaxClientHello.
	MaxOfferedIdentityBytes = 1<<16 - 1<<14

	// MaxIdentitiesRead is how many offered identities a server looks at; it
	// ignores the rest, so that a ClientHello cannot make it ask a key store
	// for thousands.
	MaxIdentitiesRead = 20

	// RotationKeys is how many keys one identity has at most. A server that
	// does not know better tries as many for any identity, so that time does not
	// tell whether one is known.
	RotationKeys = 4

	// MaxClientHello is the most bytes of a ClientHello: a share of each
	// group and MaxOfferedKeys identities of full length fit.
	MaxClientHello = 1 << 16

	// MaxHandshakeMessage is the most bytes of any other handshake message.
	// Ours are all smaller than 2 KiB; a NewSessionTicket may carry a ticket
	// of up to 65,535 bytes.
	MaxHandshakeMessage = 1<<16 + 1024

	// MaxHandshakeBytes is the most handshake bytes a peer may send before
	// the handshake is complete.
	MaxHandshakeBytes = 1 << 18

	// HandshakeTimeoutSeconds is how long a handshake may take where the
	// configuration does not say.
	HandshakeTimeoutSeconds = 10

	// CloseTimeoutSeconds is how long Close waits to hand close_notify to
	// the network before it closes all the same.
	CloseTimeoutSeconds = 5

	// MaxEmptyRecords is how many records without content in a row are
	// accepted: they cost work and carry nothing (RFC 9846 §5.1 allows them).
	MaxEmptyRecords = 32

	// MaxWarningAlerts is how many alerts at warning level (user_canceled)
	// are accepted in one connection.
	MaxWarningAlerts = 4

	// MaxIdleKeyUpdates is how many KeyUpdate messages in a row, with no
	// application data between them, are accepted: each costs two HKDF
	// calls and a new key.
	MaxIdleKeyUpdates = 32

	// KeyUpdateMargin is how many records before a key's limit it counts as
	// used up: room for the KeyUpdate, for the tickets and for alerts.
	KeyUpdateMargin = 1 << 12

	// TLS12RecordLimit is how many records one key of TLS 1.2 may protect. It
	// has no KeyUpdate, so the connection ends there. With 2^32 records of full
	// size, 64 TiB, what an attacker gains from AES repeating itself stays
	// about 2^-42: RFC 9846 §5.5 has 2^-57 at its limit for GCM, and it grows
	// with the square. For CBC it is less.
	TLS12RecordLimit = 1 << 32

	// IVBatch is how many IVs of TLS 1.2's CBC are read at once, so that small
	// records do not cost a system call each. 256 bytes of randomness are given
	// whole or not at all.
	IVBatch = 16

	// MaxIdleTickets is how many NewSessionTicket messages a client reads in
	// one connection; more is a flood.
	MaxIdleTickets = 64

	// MaxCookieLen is the longest cookie in bytes that a client echoes. The
	// format allows 65,535 (RFC 9846 §4.3.2), but a second ClientHello that
	// carries it must still fit into its block of extensions.
	MaxCookieLen = 8192

	// MaxTicketLen is the longest ticket in bytes that a client keeps.
	MaxTicketLen = 8192

	// TicketsPerServer is how many tickets a session cache keeps for one
	// server; each works once.
	TicketsPerServer = 4

	// CachedServers is how many servers a session cache keeps tickets for.
	CachedServers = 64

	// TicketLifetimeSeconds is the life of a ticket where the configuration
	// does not say: one day.
	TicketLifetimeSeconds = 24 * 60 * 60

	// MaxSkippedEarlyData is how many bytes of early data, in all records, a
	// server that refused it skips while it waits for the second flight
	// (RFC 9846 §4.3.10). OpenSSL's and GnuTLS's default for what a client
	// may send is 16,384.
	MaxSkippedEarlyData = 1<<14 + 2048

	// MaxChangeCipherSpec is how many change_cipher_spec records are ignored
	// during a handshake: one is expected in middlebox compatibility mode,
	// a second after a HelloRetryRequest (RFC 9846 §5).
	MaxChangeCipherSpec = 2

	// MaxALPN is how many application protocols may be configured.
	MaxALPN = 32

	// ListedInSentence is how many entries of a peer's list an error names; a
	// list may have thousands.
	ListedInSentence = 8

	// KeptRandoms is how many ClientHello randoms of this process's own
	// clients are remembered to recognise a reflected one.
	KeptRandoms = 1 << 14

	// BulkBuffers is how many buffers of some 280 KiB a process lends at once to
	// flows that fill smaller ones: 18 MiB. Where a thousand flows move, each
	// gets its share of the processor in small pieces anyway. A peer that stops
	// reading in the middle of such a flow keeps its buffer until the write ends:
	// as many of them make the others go on with small ones, no more.
	BulkBuffers = 64

	// MaxKeyFileBytes is the largest key file in bytes: it is read whole, and
	// again when it changes.
	MaxKeyFileBytes = 8 << 20

	// MaxKeyFileLine is the longest line of a key file in bytes: an identity
	// of MaxIdentityLen and a key of MaxKeyLen, both in hex, fit.
	MaxKeyFileLine = 2*MaxIdentityLen + 2*MaxKeyLen + 1024

	// MaxKeysInFile is how many keys a key file may hold; more belong in a
	// database behind KeyLookup.
	MaxKeysInFile = 100_000

	// KeyFileLockSeconds is how long a command waits for another one that is
	// changing the same key file: a change takes milliseconds, with a slow disk
	// or many commands at once a few seconds.
	KeyFileLockSeconds = 10

	// MaxKeyFileWarnings is how many sentences are said about one key file:
	// a thousand alike help nobody.
	MaxKeyFileWarnings = 10
)

// The program's.
const (
	// MaxMessage is the longest message of the program in bytes, without the
	// end of its line: the other end holds the whole of it before it shows it.
	MaxMessage = 1 << 20

	// MaxRefusedMessages is how many lines that are no messages are skipped
	// in one connection before it is ended: each costs a sentence.
	MaxRefusedMessages = 10

	// MaxPeers is how many authenticated connections the program's server
	// keeps at once: each costs two goroutines and a descriptor.
	MaxPeers = 1024

	// MaxUnproven is how many connections that have proved no key yet the
	// program's server keeps at once. When one more comes, the oldest goes: a
	// handshake takes milliseconds, so an honest one is never the oldest.
	MaxUnproven = 2048

	// MaxQueuedBytes is how much text waits for one peer of the program's
	// server, and QueueSeconds how long the others wait when it takes no more.
	// Then it is dropped: it may be slow, but not stuck.
	MaxQueuedBytes = 256 << 10
	QueueSeconds   = 5

	// ConnectSeconds is how long the program's client waits for a TCP
	// connection.
	ConnectSeconds = 10

	// StallSeconds is how long the program waits for a peer to take any of
	// what is sent to it, and at a client's end for anything to arrive,
	// before it gives up: long enough for a bad line, short enough for a
	// script.
	StallSeconds = 30

	// FarewellSeconds is how long the program waits, when it is told to stop,
	// for its peers to close in order.
	FarewellSeconds = 2

	// LingerSeconds is how long the program's server takes in, and forgets,
	// what a peer still sends after the last record to it: closing at once
	// would make the system discard that record, an alert for one.
	LingerSeconds = 1

	// MaxLingerBytes is how much it takes in then.
	MaxLingerBytes = 1 << 20

	// FailureBurst is how many sentences about connections that proved no key
	// are said in FailureSeconds; the rest is counted. Nobody shall fill a
	// disk through a log.
	FailureBurst   = 20
	FailureSeconds = 10

	// MaxOldPeerNotes is how many identities without the extended master secret
	// are named in the log of one process, a line each: who has more of them
	// knows that they are old.
	MaxOldPeerNotes = 100

	// MaxProbeConnections is how many connections one run of "watchword probe"
	// opens: each of 17 suites and 6 groups that a server speaks costs one, and
	// a dozen other questions stay below with them.
	MaxProbeConnections = 48

	// ProbeSeconds is how long one run of it may take: with an honest server
	// it is done in one or two.
	ProbeSeconds = 60

	// MaxProbeAnswer is how many bytes of an answer it reads. A server's first
	// flight with the longest identity hint, 65,535 bytes, fits.
	MaxProbeAnswer = 1 << 17
)

// The tunnel's.
const (
	// TunnelConnections is how many connections all services of one process
	// carry together where the configuration does not say. Each holds two
	// descriptors and, while idle, some 20 KB.
	TunnelConnections = 20_000

	// TunnelHandshakes is how many handshakes of one service may be under way
	// at once where the configuration does not say.
	TunnelHandshakes = 512

	// TunnelFreeHandshakers and TunnelFreeCarriers are how many goroutines wait
	// for the next handshake and for the next direction of a connection with the
	// stacks that they have grown, some 32 KB and some 8 KB each.
	TunnelFreeHandshakers = 16
	TunnelFreeCarriers    = 32

	// TunnelHandshakeGraceSeconds is how long a handshake is left alone when
	// there is no room for another: an honest one takes milliseconds, so the
	// oldest makes room if it is older than this, and else the new one goes.
	TunnelHandshakeGraceSeconds = 1

	// TunnelRoomMilliseconds is how long a new connection waits for room among
	// the handshakes under way, and those behind it in the listener's queue
	// with it.
	TunnelRoomMilliseconds = 100

	// TunnelLogLines is how many lines wait for a log that is slow or stuck,
	// before more are dropped and counted; TunnelLogBatch is how many bytes of
	// them are written at once, and TunnelLogFlushSeconds how long the end of
	// the process waits for them.
	TunnelLogLines        = 4096
	TunnelLogBatch        = 64 << 10
	TunnelLogFlushSeconds = 2

	// TunnelDrainSeconds is how long connections may go on after SIGTERM where
	// the configuration does not say: less than the 90 seconds that systemd
	// waits.
	TunnelDrainSeconds = 30

	// TunnelHealthSeconds is how often a backend is tried where there are
	// several, or it is down, and the configuration does not say.
	TunnelHealthSeconds = 5

	// TunnelConnectSeconds is how long connecting to a service's addresses may
	// take in all where the configuration does not say: a client of the service
	// waits for it. TunnelConnectShareSeconds is the least that one of several
	// addresses gets of it: a lost first packet is sent again after one second.
	TunnelConnectSeconds      = 10
	TunnelConnectShareSeconds = 2

	// TunnelRetryMilliseconds is the pause before all backends are tried again.
	// It doubles each time up to MaxTunnelRetryMilliseconds: a service that
	// starts anew is back in a second, and a client does not wait for long.
	TunnelRetryMilliseconds    = 100
	MaxTunnelRetryMilliseconds = 2000

	// TunnelWatchSeconds is how often configuration and key files are looked
	// at for changes.
	TunnelWatchSeconds = 1

	// TunnelWatchMissingLooks is how many times in a row a file must not be there,
	// or not be readable, for a reload that says so: programs that write a file
	// anew may take it away first.
	TunnelWatchMissingLooks = 5

	// TunnelSweepMilliseconds is how often connections are looked at for having
	// been idle too long: the grain of that time-out.
	TunnelSweepMilliseconds = 500

	// DrainQuietSeconds is how long nothing must have moved on a connection that
	// is ended after the drain time for it to be closed in order; nor may anything
	// be under way. Any other one is cut with an alert: its stream may not be whole.
	DrainQuietSeconds = 2

	// TunnelBurstBytes is how many bytes of a service with bytes-per-second may
	// go at once: a few buffers.
	TunnelBurstBytes = 256 << 10

	// MaxServices is how many services one configuration file may have, and
	// MaxAddresses how many addresses one side of a service.
	MaxServices  = 1000
	MaxAddresses = 64

	// MaxConfigBytes is the largest configuration file in bytes.
	MaxConfigBytes = 4 << 20

	// ProxyHeaderSeconds is how long a balancer may take to send its PROXY
	// protocol header, which it sends at once.
	ProxyHeaderSeconds = 5

	// MaxProxyHeader is the longest PROXY protocol header in bytes that is
	// read or written: an address pair and a few TLVs need a few hundred, and
	// ours fits with an identity of MaxIdentityLen in it.
	MaxProxyHeader = 8192

	// AdminConnections is how many connections the listener of metrics serves
	// at once; more wait. A scraper has one or two.
	AdminConnections = 16

	// AdminHeaderSeconds and AdminHeaderBytes bound a request there,
	// AdminIdleSeconds a connection between two: scrapers come every minute.
	AdminHeaderSeconds = 5
	AdminHeaderBytes   = 16 << 10
	AdminIdleSeconds   = 150

	// AdminAnswerSeconds is how long an answer there may take: a CPU profile
	// of a minute, which is twice what is usual.
	AdminAnswerSeconds = 70

	// AdminEndSeconds is how long answers may go on when the listener ends.
	AdminEndSeconds = 2
)
