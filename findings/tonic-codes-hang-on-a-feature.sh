#!/usr/bin/env bash
# tonic 0.14.9 (Rust), with grpcio 1.85.1 beside it. Needs cargo 1.88, Python 3.11 and the network. It compiles for a
# few minutes.
#
# The server of a gRPC client goes away in several manners. The client is compiled twice: with tonic's default features,
# and with "channel" and "codegen" alone, which are all that a client needs.
# Expected: the same status codes from both.
# Happens: tonic reads the reasons of HTTP/2 only where its feature "server" is compiled in, which the default has.
#   Without it each call whose stream was reset is UNKNOWN, "transport error", for a refused stream too.
# Why it matters: a retry policy for UNAVAILABLE works or not as Cargo.toml says, and changes when some other crate of
#   the program turns the feature on. In both, a connection that ends is UNKNOWN; other gRPC clients say UNAVAILABLE.
# Seen:
#                                     grpcio              tonic               tonic, channel only
#   port closed                       UNAVAILABLE         UNAVAILABLE         UNAVAILABLE
#   connection ends                   UNAVAILABLE         UNKNOWN             UNKNOWN
#   connection reset                  UNAVAILABLE         UNKNOWN             UNKNOWN
#   stream reset, REFUSED_STREAM      UNAVAILABLE         UNAVAILABLE         UNKNOWN
#   stream reset, INTERNAL_ERROR      INTERNAL            INTERNAL            UNKNOWN
#   stream reset, CANCEL              CANCELLED           CANCELLED           UNKNOWN
#   stream reset, ENHANCE_YOUR_CALM   RESOURCE_EXHAUSTED  RESOURCE_EXHAUSTED  UNKNOWN
#   HTTP 503                          UNAVAILABLE         UNAVAILABLE         UNAVAILABLE
# shellcheck source=findings/lib.sh
FINDING_LIMIT=1500
. "$(dirname "$0")/lib.sh"
need cargo
packages grpcio==1.85.1 h2==4.4.1
export CARGO_TARGET_DIR="$work/target"
for features in default channel; do
  mkdir -p "$work/$features/src"
  case $features in
    default) dependency='"=0.14.9"' ;;
    channel) dependency='{ version = "=0.14.9", default-features = false, features = ["channel", "codegen"] }' ;;
  esac
  cat >"$work/$features/Cargo.toml" <<TOML
[package]
name = "$features"
version = "0.1.0"
edition = "2021"

[dependencies]
tonic = $dependency
tokio = { version = "=1.54.1", features = ["rt", "time", "macros"] }
TOML
  cat >"$work/$features/src/main.rs" <<'RS'
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

/// Messages without content.
#[derive(Default)]
struct Empty;

impl Codec for Empty {
    type Encode = ();
    type Decode = ();
    type Encoder = Empty;
    type Decoder = Empty;

    fn encoder(&mut self) -> Empty {
        Empty
    }

    fn decoder(&mut self) -> Empty {
        Empty
    }
}

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, _: (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = format!("http://{}", std::env::args().nth(1).unwrap());
    let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.ok();
    let path = PathAndQuery::from_static("/lab.Shop/Pay");
    match client.unary(Request::new(()), path, Empty).await {
        Ok(_) => println!("OK"),
        Err(status) => println!("{:?}", status.code()),
    }
}
RS
  (cd "$work/$features" && cargo build --quiet)
done
python - >"$work/seen" <<'PY'
import contextlib
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading

import grpc
import h2.config
import h2.connection
import h2.events

target = pathlib.Path(os.environ["WORK"], "target", "debug")
RESETS = {"REFUSED_STREAM": 7, "INTERNAL_ERROR": 2, "CANCEL": 8, "ENHANCE_YOUR_CALM": 11}
ENDS = "port closed", "connection ends", "connection reset", *(f"stream reset, {name}" for name in RESETS), "HTTP 503"


def serve(listener, end):
    """Answer each call of each connection by one end."""
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            answer(connection, end)


def answer(connection, end):
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    peer.initiate_connection()
    while True:
        connection.sendall(peer.data_to_send())
        received = connection.recv(65536)
        if not received:
            return
        for event in peer.receive_data(received):
            if not isinstance(event, h2.events.StreamEnded):
                continue
            if end == "connection ends":
                connection.shutdown(socket.SHUT_RDWR)
                return
            if end == "connection reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if end == "HTTP 503":
                peer.send_headers(event.stream_id, [(":status", "503")], end_stream=True)
            else:
                peer.reset_stream(event.stream_id, RESETS[end.removeprefix("stream reset, ")])


def grpcio(address):
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary("/lab.Shop/Pay")(b"", timeout=20)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def tonic(features, address):
    done = subprocess.run([target / features, address], stdout=subprocess.PIPE, text=True, timeout=60)
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", done.stdout.strip()).upper()


def row(*cells):
    print("".join(f"{cell:{width}}" for cell, width in zip(cells, (34, 20, 20, 0), strict=True)))


row("", "grpcio", "tonic", "tonic, channel only")
for end in ENDS:
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    if end == "port closed":
        listener.close()
    else:
        threading.Thread(target=serve, args=(listener, end), daemon=True).start()
    row(end, grpcio(address), tonic("default", address), tonic("channel", address))
PY
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
