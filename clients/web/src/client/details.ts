/** Details of a status, in each of the forms that they come in: unread, packed or read. */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";

/** One detail: of a ConnectError (`type`), or of a `google.rpc.Status` (`typeUrl`). */
export interface AnyUnpackable {
  type?: string;
  typeUrl?: string;
  value?: unknown;
}

/** The first detail of a kind; undefined where there is none, or it is broken. */
export function findDetail<D extends DescMessage>(
  details: readonly AnyUnpackable[],
  schema: D,
): MessageShape<D> | undefined {
  for (const detail of details) {
    const name = detail.type ?? detail.typeUrl?.split("/").pop();
    if (name !== schema.typeName || !(detail.value instanceof Uint8Array)) continue;
    try {
      return fromBinary(schema, detail.value);
    } catch {
      return undefined; // a broken detail does not make the failure less of one
    }
  }
  return undefined;
}
