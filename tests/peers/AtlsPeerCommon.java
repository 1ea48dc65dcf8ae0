import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/**
 * What the two peers on Java's SSLEngine share: body encodings, a TLS engine over memory, PEM files.
 *
 * <p>Written from the protocol text alone, base carriage only: draft-friel-tls-over-http-00 section 6 (json),
 * draft-friel-tls-atls-00 (octet-stream, cookies) and -05 (application/atls).
 */
final class AtlsPeerCommon {
    static final int BODY_LIMIT = 256 * 1024;
    static final int REPEATABLE = 23; // bodies from this size on are never the same twice, unless repeated
    static final Pattern TOKEN = Pattern.compile("(?:[A-Za-z0-9._-]+\\.)?[A-Za-z0-9_-]{22,}");
    static final Map<String, String> TLS_VERSIONS = Map.of("1.2", "TLSv1.2", "1.3", "TLSv1.3");
    private static final Pattern MEMBER = Pattern.compile("\\s*+\"(session|records)\"\\s*+:\\s*+\"([^\"\\\\]*+)\"\\s*+");

    private AtlsPeerCommon() {}

    /** The other side broke the protocol. */
    static final class Violation extends Exception {
        private static final long serialVersionUID = 1;

        Violation(String what) {
            super(what);
        }
    }

    enum Encoding {
        JSON("json", "/atls", "application/atls+json"),
        OCTET_STREAM("octet-stream", "/atls", "application/atls+octet-stream"),
        ATLS("atls", "/.well-known/atls", "application/atls");

        final String label;
        final String path;
        final String type;

        Encoding(String label, String path, String type) {
            this.label = label;
            this.path = path;
            this.type = type;
        }

        /** Null if there is none of that name. */
        static Encoding named(String label) {
            return Arrays.stream(values()).filter(e -> e.label.equals(label)).findFirst().orElse(null);
        }

        static Encoding ofType(String type) {
            return Arrays.stream(values()).filter(e -> e.type.equalsIgnoreCase(type)).findFirst().orElse(null);
        }
    }

    /** What a JSON body says; session is null where it is absent. */
    record Body(String session, byte[] data) {}

    /** Section 6 of -00: `session` first; `records` always in requests, only if not empty in answers. */
    static byte[] toJson(String session, byte[] data, boolean alwaysRecords) {
        StringBuilder text = new StringBuilder("{");
        if (session != null) {
            text.append("\"session\": \"").append(session).append('"');
        }
        if (data.length > 0 || alwaysRecords) {
            text.append(session == null ? "" : ", ").append("\"records\": \"");
            text.append(Base64.getEncoder().encodeToString(data)).append('"');
        }
        return text.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }

    /** Strict: these two members alone, `session` before `records`, canonical base64. */
    static Body fromJson(byte[] body, boolean request) throws Violation {
        String text = new String(body, StandardCharsets.UTF_8).strip();
        if (!text.startsWith("{") || !text.endsWith("}")) {
            throw new Violation("body is not a JSON object");
        }
        String session = null;
        String records = null;
        int end = text.length() - 1;
        Matcher member = MEMBER.matcher(text).region(1, end);
        for (int at = 1; at < end; at = member.end() + 1) {
            if (!member.region(at, end).lookingAt() || (member.end() < end && text.charAt(member.end()) != ',')) {
                throw new Violation("a JSON body with other members, or of another form");
            }
            if (member.group(1).equals("records") && records == null) {
                records = member.group(2);
            } else if (member.group(1).equals("session") && session == null && records == null) {
                session = member.group(2);
            } else {
                throw new Violation("a member is given twice, or `records` stands before `session`");
            }
        }
        if (request && records == null) {
            throw new Violation("a request without `records`");
        }
        if (!request && records != null && records.isEmpty()) {
            throw new Violation("an empty `records` in an answer, which leaves it out");
        }
        return new Body(session, records == null ? new byte[0] : decode(records));
    }

    private static byte[] decode(String records) throws Violation {
        try {
            byte[] data = Base64.getDecoder().decode(records);
            if (Base64.getEncoder().encodeToString(data).equals(records)) {
                return data;
            }
        } catch (IllegalArgumentException error) {
            throw new Violation("`records` is not base64: " + error.getMessage());
        }
        throw new Violation("`records` is not canonical base64");
    }

    // ---- TLS ----------------------------------------------------------------------------------

    /** Takes plaintext as it is decrypted. */
    interface Sink {
        void accept(byte[] plain) throws IOException;
    }

    /**
     * One TLS session over memory. Errors of TLS leave as SSLException; the alert about them then waits in take().
     */
    static final class Engine {
        final SSLEngine tls;
        boolean ready; // the handshake is done
        boolean peerClosed; // close_notify received
        boolean closed; // close_notify sent
        int keyUpdates; // sent
        final KeyUpdates received = new KeyUpdates();
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private ByteBuffer in = ByteBuffer.allocate(0);
        private ByteBuffer record;

        Engine(SSLEngine tls) {
            this.tls = tls;
        }

        void begin() throws IOException {
            tls.beginHandshake();
            feed(new byte[0], plain -> {});
        }

        /** Takes what the other side sent, and goes on with the handshake. */
        void feed(byte[] data, Sink sink) throws IOException {
            ByteBuffer joined = ByteBuffer.allocate(in.remaining() + data.length).put(in).put(data);
            in = joined.flip();
            received.count(data, ready);
            try {
                while (step(sink)) {}
            } catch (SSLException error) {
                drainAlert();
                throw error;
            }
        }

        /** Encrypts application data; drain it with take(). */
        void write(byte[] data) throws IOException {
            ByteBuffer plain = ByteBuffer.wrap(data);
            while (plain.hasRemaining() && !closed) {
                wrap(plain);
            }
            while (tls.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NEED_WRAP
                    && wrap(ByteBuffer.allocate(0))) {}
        }

        /** Sends close_notify. Reading goes on, with feed(), until the other side's came. */
        void close() throws IOException {
            tls.closeOutbound();
            while (!tls.isOutboundDone() && wrap(ByteBuffer.allocate(0))) {}
            closed = true;
        }

        /** All that TLS has to say. */
        byte[] take() {
            byte[] bytes = out.toByteArray();
            out.reset();
            return bytes;
        }

        /** Whether it led to anything. */
        private boolean step(Sink sink) throws IOException {
            switch (tls.getHandshakeStatus()) {
                case NEED_TASK:
                    for (Runnable task = tls.getDelegatedTask(); task != null; task = tls.getDelegatedTask()) {
                        task.run();
                    }
                    return true;
                case NEED_WRAP:
                    return wrap(ByteBuffer.allocate(0));
                default:
                    return !peerClosed && unwrap(sink);
            }
        }

        private boolean wrap(ByteBuffer plain) throws IOException {
            reserve(tls.getSession().getPacketBufferSize());
            SSLEngineResult result = tls.wrap(plain, record);
            byte[] bytes = Arrays.copyOf(record.array(), result.bytesProduced());
            out.write(bytes);
            // After the handshake, what has no plaintext is a ticket, an alert or a KeyUpdate; Java pads by 16.
            if (ready && bytes.length > 0 && bytes.length <= 5 + KeyUpdates.SIZE + 16 && result.bytesConsumed() == 0
                    && bytes[0] == 23 && result.getStatus() == SSLEngineResult.Status.OK) {
                keyUpdates++;
            }
            note(result);
            return result.bytesProduced() > 0;
        }

        private boolean unwrap(Sink sink) throws IOException {
            reserve(tls.getSession().getApplicationBufferSize());
            SSLEngineResult result = tls.unwrap(in, record);
            if (result.getStatus() == SSLEngineResult.Status.BUFFER_OVERFLOW) {
                throw new IllegalStateException("a record larger than SSLSession says");
            }
            note(result);
            if (result.bytesProduced() > 0) {
                sink.accept(Arrays.copyOf(record.array(), result.bytesProduced()));
            }
            return result.bytesConsumed() > 0;
        }

        private void reserve(int size) {
            if (record == null || record.capacity() < size) {
                record = ByteBuffer.allocate(size);
            }
            record.clear();
        }

        private void note(SSLEngineResult result) {
            ready |= result.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.FINISHED;
            peerClosed |= tls.isInboundDone();
            closed |= tls.isOutboundDone(); // TLS 1.2: SSLEngine answers a close_notify with its own
        }

        private void drainAlert() {
            try {
                while (tls.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NEED_WRAP
                        && wrap(ByteBuffer.allocate(0))) {}
            } catch (IOException error) {
                // what there was to say is in out
            }
        }
    }

    /** Counts records of the size of a KeyUpdate (RFC 8446 section 4.6.3): 5 bytes, their type, a tag of 16. */
    static final class KeyUpdates {
        static final int SIZE = 5 + 1 + 16;
        int seen;
        private final byte[] head = new byte[5];
        private int have;
        private int skip;

        void count(byte[] bytes, boolean ready) {
            for (int at = 0; at < bytes.length; ) {
                if (skip > 0) {
                    int step = Math.min(skip, bytes.length - at);
                    skip -= step;
                    at += step;
                    continue;
                }
                head[have++] = bytes[at++];
                if (have == head.length) {
                    have = 0;
                    skip = (head[3] & 0xff) << 8 | (head[4] & 0xff);
                    seen += ready && head[0] == 23 && skip == SIZE ? 1 : 0;
                }
            }
        }
    }

    // ---- files --------------------------------------------------------------------------------

    static Certificate[] certificates(String file) throws IOException, GeneralSecurityException {
        try (var stream = Files.newInputStream(Path.of(file))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(stream).toArray(new Certificate[0]);
        }
    }

    static TrustManager[] anchors(String file) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (Certificate certificate : certificates(file)) {
            store.setCertificateEntry("anchor" + store.size(), certificate);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        return factory.getTrustManagers();
    }

    static KeyManagerFactory identity(String chain, String key) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("it", privateKey(key), new char[0], certificates(chain));
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
        factory.init(store, new char[0]);
        return factory;
    }

    private static PrivateKey privateKey(String file) throws IOException, GeneralSecurityException {
        String pem = Files.readString(Path.of(file), StandardCharsets.US_ASCII);
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        for (String kind : new String[] {"EC", "RSA", "Ed25519"}) {
            try {
                return KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(der));
            } catch (GeneralSecurityException error) {
                continue; // of another kind
            }
        }
        throw new GeneralSecurityException(file + ": no key in PKCS #8 of a kind that is known");
    }
}
