"""A provider in a process of its own, so that its CPU is nobody's figure: STARTTLS, no account, as quick as asyncio is.

Run as a script with a certificate's files and a port (0: a free one); it prints its port and serves until it is ended.
"""

import asyncio
import ssl
import sys

_GREETING = b"220 bench.test ESMTP\r\n"
_EHLO = b"250-bench.test\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES\r\n"
_EHLO_WITHIN_TLS = b"250-bench.test\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n"
_BYE = b"221 2.0.0 bye\r\n"
_WHAT = b"502 5.5.1 not here\r\n"


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    """One session."""
    secure = False
    writer.write(_GREETING)
    while line := await reader.readline():
        match line[:4].upper():
            case b"EHLO":
                writer.write(_EHLO_WITHIN_TLS if secure else _EHLO)
            case b"STAR":
                writer.write(b"220 2.0.0 ready\r\n")
                await writer.start_tls(context)
                secure = True
            case b"QUIT":
                writer.write(_BYE)
                return
            case _:
                writer.write(_WHAT)


async def serve(certificate: str, key: str, port: int) -> None:
    """Serve for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer, context)
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
