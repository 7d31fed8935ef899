/** A safetensors file of one F32 tensor, whose values differ from one another. @param parameters ≥ 1 */
export function modelFile(parameters: number): { bytes: Uint8Array<ArrayBuffer>; valuesAt: number } {
  const header = JSON.stringify({
    __metadata__: { num_examples: '7' },
    w: { dtype: 'F32', shape: [parameters], data_offsets: [0, parameters * 4] },
  });
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const valuesAt = 8 + padded.length;
  const bytes = new Uint8Array(valuesAt + parameters * 4);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded.length), true);
  bytes.set(Buffer.from(padded), 8);
  const values = new Float32Array(bytes.buffer, valuesAt, parameters);
  for (let index = 0; index < parameters; index += 1) values[index] = 1 + (index % 1_000) / 1_000;
  return { bytes, valuesAt };
}
