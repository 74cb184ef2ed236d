"""GStreamer's RTSP server on 127.0.0.1, for the interop tests: a server nobody here wrote.

Prints `PORT n` when it listens, then one line per session event; ends when its standard input closes.
"""
import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def say(*words):
    print(*words, flush=True)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--launch", help="pipeline of --mount in gst-launch form, with payloaders pay0, pay1 …")
    parser.add_argument("--mount", default="/live")
    parser.add_argument("--also", nargs=2, action="append", default=[], metavar=("MOUNT", "LAUNCH"), help="one more mount")
    parser.add_argument("--port", default="0")
    parser.add_argument("--auth", choices=["none", "basic", "digest"], default="none")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", default="")
    parser.add_argument("--session-timeout", type=int, default=0)
    parser.add_argument("--certificate", help="PEM file with certificate and key: RTSP over TLS")
    parser.add_argument("--shared", action="store_true")
    return parser.parse_args()


def authentication(options, factories):
    """Credentials and TLS are both the business of GstRTSPAuth."""
    if options.auth == "none" and not options.certificate:
        return None
    auth = GstRtspServer.RTSPAuth.new()
    if options.certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.certificate))
    if options.auth != "none":
        method = GstRtsp.RTSPAuthMethod.DIGEST if options.auth == "digest" else GstRtsp.RTSPAuthMethod.BASIC
        auth.set_supported_methods(method)
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "user")
        if options.auth == "digest":
            auth.add_digest(options.user, options.password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
        permissions = GstRtspServer.RTSPPermissions.new()
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("user", permission, True)
    else:
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "anonymous")
        auth.set_default_token(token)
        permissions = GstRtspServer.RTSPPermissions.new()
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("anonymous", permission, True)
    for factory in factories:
        factory.set_permissions(permissions)
    return auth


def main():
    options = arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(options.port)

    mounts = ([[options.mount, options.launch]] if options.launch else []) + options.also
    factories = []
    for mount, launch in mounts:
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(launch)
        factory.set_shared(options.shared)
        factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP)
        server.get_mount_points().add_factory(mount, factory)
        factories.append(factory)
    auth = authentication(options, factories)
    if auth is not None:
        server.set_auth(auth)

    pool = server.get_session_pool()

    def connected(_server, client):
        def new_session(_client, session):
            say("SESSION", session.get_sessionid())
            if options.session_timeout > 0:
                session.set_timeout(options.session_timeout)

        client.connect("new-session", new_session)
        client.connect("teardown-request", lambda *_: say("TEARDOWN"))
        client.connect("closed", lambda *_: say("CLOSED"))

    server.connect("client-connected", connected)
    server.attach(None)
    say("PORT", server.get_bound_port())

    def clean():
        expired = pool.cleanup()
        if expired:
            say("EXPIRED", expired)
        return True

    GLib.timeout_add_seconds(1, clean)
    loop = GLib.MainLoop()

    def wait_for_end():
        sys.stdin.read()
        loop.quit()

    threading.Thread(target=wait_for_end, daemon=True).start()
    loop.run()


main()
