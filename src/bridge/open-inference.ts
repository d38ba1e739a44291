import { BridgeError } from './bridge-error.ts';
import { exchangeOk, type HttpAnswer, type HttpRequest } from './http-exchange.ts';
import { parsePlainJson } from './plain-json.ts';

/** What a model on Triton or KServe answered. */
export interface InferredFeatures {
  features: Float32Array;
  /** The model's version as that server names it. */
  version: string;
}

const lengthHeader = 'inference-header-content-length';
const maximumAnswerBytes = 16 * 1024 * 1024;

/** Where `model` takes inference: `endpoint` is the `/v2` of a server or the model's own address there. */
export function inferUrl(endpoint: URL, model: string): URL {
  const url = new URL(endpoint);
  const path = endpoint.pathname.replace(/\/+$/, '');
  if (path.endsWith('/infer')) url.pathname = path;
  else if (path.includes('/v2/models/')) url.pathname = `${path}/infer`;
  else url.pathname = `${path}/models/${encodeURIComponent(model)}/infer`;
  return url;
}

/**
 * One window through the Open Inference Protocol with binary tensors: `pcm` FP32 `[1, samples]` in, `features` FP32
 * `[1, dimensions]` out.
 * @throws BridgeError
 */
export async function inferFeatures(
  samples: Float32Array,
  request: Pick<HttpRequest, 'url' | 'token' | 'signal'>,
): Promise<InferredFeatures> {
  const pcm = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const header = Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: 'pcm',
          datatype: 'FP32',
          shape: [1, samples.length],
          parameters: { binary_data_size: pcm.length },
        },
      ],
      outputs: [{ name: 'features', parameters: { binary_data: true } }],
    }),
  );
  const answer = await exchangeOk({
    ...request,
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', [lengthHeader]: String(header.length) },
    body: Buffer.concat([header, pcm]),
    maxResponseBytes: maximumAnswerBytes,
  });
  return parseAnswer(answer, request.url);
}

function parseAnswer(answer: HttpAnswer, url: URL): InferredFeatures {
  const wrong = (problem: string, cause?: unknown) =>
    new BridgeError('BAD_RESPONSE', `${url.origin}${url.pathname} ${problem}.`, { cause });
  const length = answer.headers.get(lengthHeader);
  const headerBytes = length === null ? answer.body.length : Number(length);
  if (!Number.isInteger(headerBytes) || headerBytes < 0 || headerBytes > answer.body.length) {
    throw wrong('announced a header longer than its answer');
  }
  let header: { model_version?: unknown; outputs?: Output[] };
  try {
    header = parsePlainJson(answer.body.toString('utf8', 0, headerBytes)) as typeof header;
  } catch (cause) {
    throw wrong('did not answer by the Open Inference Protocol', cause);
  }
  const outputs = Array.isArray(header?.outputs) ? header.outputs : [];
  let offset = headerBytes;
  for (const output of outputs) {
    const bytes = output?.parameters?.binary_data_size;
    if (output?.name !== 'features') {
      offset += Number(bytes ?? 0);
      continue;
    }
    if (output.datatype !== 'FP32') throw wrong(`answered features as ${output.datatype} instead of FP32`);
    const features = bytes === undefined ? inJson(output.data) : inBinary(answer.body, offset, bytes);
    if (!features || features.length === 0 || features.length !== product(output.shape)) {
      throw wrong('answered features whose size is not their shape');
    }
    if (!features.every(Number.isFinite)) throw wrong('answered features that are not finite');
    return { features, version: String(header.model_version ?? '') };
  }
  throw wrong('answered no output named features');
}

interface Output {
  name?: unknown;
  datatype?: unknown;
  shape?: unknown;
  data?: unknown;
  parameters?: { binary_data_size?: unknown };
}

function inBinary(body: Buffer, offset: number, bytes: unknown): Float32Array | undefined {
  if (!Number.isInteger(bytes) || (bytes as number) % 4 !== 0 || offset + (bytes as number) > body.length) {
    return undefined;
  }
  return new Float32Array(Uint8Array.prototype.slice.call(body, offset, offset + (bytes as number)).buffer);
}

function inJson(data: unknown): Float32Array | undefined {
  const number = (value: unknown) => (typeof value === 'number' ? value : Number.NaN);
  return Array.isArray(data) ? Float32Array.from(data.flat(), number) : undefined;
}

function product(shape: unknown): number {
  return Array.isArray(shape) ? shape.reduce((total: number, side) => total * Number(side), 1) : 0;
}
