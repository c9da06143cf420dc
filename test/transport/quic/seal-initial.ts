import { createCipheriv, createHmac } from 'node:crypto';

/** Protects a client's Initial packet (RFC 9001 5), apart from the code that opens it. */
export interface InitialPlan {
  readonly connectionId: Buffer;
  readonly payload: Buffer;
  readonly packetNumber: number;
  readonly packetNumberBytes?: 1 | 2 | 3 | 4;
  readonly token?: Buffer;
  readonly source?: Buffer;
  /** Set in the first byte before it is protected. */
  readonly firstBits?: number;
  /** Destination in the header, when it is another than the one that gives the keys. */
  readonly destination?: Buffer;
}

const SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');

function expandLabel(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.of(0, length, name.length), name, Buffer.of(0, 1)]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}

/** Number of two or four bytes in QUIC's variable-length encoding. */
export function varint(value: number): Buffer {
  const bytes = Buffer.alloc(value < 0x4000 ? 2 : 4);
  if (value < 0x4000) bytes.writeUInt16BE(0x4000 | value);
  else bytes.writeUInt32BE(0x8000_0000 + value);
  return bytes;
}

/** A CRYPTO frame (RFC 9000 19.6). */
export function cryptoFrame(offset: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(6), varint(offset), varint(data.length), data]);
}

export function sealInitial(plan: InitialPlan): Buffer {
  const { connectionId, payload, packetNumber, token = Buffer.alloc(0) } = plan;
  const destination = plan.destination ?? connectionId;
  const source = plan.source ?? Buffer.alloc(0);
  const numberBytes = plan.packetNumberBytes ?? 4;
  const extracted = createHmac('sha256', SALT).update(connectionId).digest();
  const secret = expandLabel(extracted, 'client in', 32);
  const [key, iv, hp] = [
    expandLabel(secret, 'quic key', 16),
    expandLabel(secret, 'quic iv', 12),
    expandLabel(secret, 'quic hp', 16),
  ] as const;
  const number = Buffer.alloc(4);
  number.writeUInt32BE(packetNumber % 2 ** 32);
  const first = (plan.firstBits ?? 0xc0) | (numberBytes - 1);
  const header = Buffer.concat([
    Buffer.of(first, 0, 0, 0, 1, destination.length),
    destination,
    Buffer.of(source.length),
    source,
    varint(token.length),
    token,
    varint(numberBytes + payload.length + 16),
    number.subarray(4 - numberBytes),
  ]);
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ packetNumber) >>> 0, 8);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  const packet = Buffer.concat([header, sealed]);
  const numberAt = header.length - numberBytes;
  const mask = createCipheriv('aes-128-ecb', hp, null).update(
    packet.subarray(numberAt + 4, numberAt + 20),
  );
  packet[0] = first ^ (mask[0]! & 0x0f);
  for (let index = 0; index < numberBytes; index += 1)
    packet[numberAt + index]! ^= mask[index + 1]!;
  return packet;
}
