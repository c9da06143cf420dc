/** Members that a swarm may have. */
export const MEMBERS_MAX = 4096;
/** Bytes of the metadata of a member. */
export const METADATA_BYTES_MAX = 256;
/** Bytes of an Ed25519 public key and of a signature (RFC 8032). */
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/** Smallest setting of `datagramBytesMax`: a greatest record and a claim about its member fit in. */
export const DATAGRAM_BYTES_MIN = 600;
/** Greatest setting of it, and the longest datagram that is read. */
export const DATAGRAM_BYTES_MAX = 16_384;
/** Bytes of one message on a stream. */
export const STREAM_BYTES_MAX = 1 << 20;
/** Bytes of records after which they go on in another message on the stream. */
export const RECORDS_BYTES_TARGET = 256 * 1024;
/** Items in one message: records and claims. */
export const ITEMS_MAX = 2 * MEMBERS_MAX;
/** Probes that a node makes for others at a time; further ones are dropped. */
export const RELAYS_MAX = 512;
/** News that wait to be told; the one told most often makes room for another. */
export const BROADCASTS_MAX = 4 * MEMBERS_MAX;
/** Greatest health score: timeouts of a node in trouble are up to nine times as long (Lifeguard). */
export const AWARENESS_MAX = 8;
/** Characters of the name of a swarm. */
export const SWARM_CHARACTERS_MAX = 128;
