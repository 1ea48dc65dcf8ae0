import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.Security;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;

/**
 * An independent ATLS server for tests, on Java's SSLEngine and its HTTP server: strict about the client, base carriage
 * only. What the client does wrong is said as "VIOLATION: ..." on standard error, and how each session
 * ended as "session: ...".
 */
public final class AtlsPeerServer {
    private static final String USAGE =
            """
            usage: AtlsPeerServer --cert FILE --key FILE --port-file FIFO [OPTION]...
              --outer-cert FILE, --outer-key FILE   a second listener, which speaks https
              --cacert FILE   client certificates of these are needed
              --tls 1.2|1.3   this version alone
              --suites NAME,...
              --cut N   at most N TLS bytes an answer
              --key-limit N   KeyUpdate after N bytes
              --send FILE   send this instead of an echo
              --renegotiate   ask for it after the first data (TLS 1.2)""";
    private static final Set<String> VALUES = Set.of("cert", "key", "outer-cert", "outer-key", "port-file", "cacert",
            "tls", "suites", "cut", "key-limit", "send");

    private final Map<String, String> options;
    private final Map<String, Session> sessions = new ConcurrentHashMap<>();
    private final SSLContext inner;
    private final SecureRandom random = new SecureRandom();

    private AtlsPeerServer(Map<String, String> options) throws IOException, GeneralSecurityException {
        this.options = options;
        inner = SSLContext.getInstance("TLS");
        inner.init(
                AtlsPeerCommon.identity(options.get("cert"), options.get("key")).getKeyManagers(),
                options.containsKey("cacert") ? AtlsPeerCommon.anchors(options.get("cacert")) : null,
                null);
    }

    private static void violation(String what) {
        System.err.println("VIOLATION: " + what);
    }

    /** Another status than 200. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1;
        final int status;

        Refused(int status) {
            this.status = status;
        }
    }

    // ---- sessions -----------------------------------------------------------------------------

    private SSLEngine innerEngine() {
        SSLEngine tls = inner.createSSLEngine();
        tls.setUseClientMode(false);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setNeedClientAuth(options.containsKey("cacert"));
        if (options.containsKey("tls")) {
            parameters.setProtocols(new String[] {AtlsPeerCommon.TLS_VERSIONS.get(options.get("tls"))});
        }
        if (options.containsKey("suites")) {
            parameters.setCipherSuites(options.get("suites").split(","));
        }
        tls.setSSLParameters(parameters);
        return tls;
    }

    /** One TLS session; serves one request after the other. */
    private final class Session {
        private final AtlsPeerCommon.Engine engine = new AtlsPeerCommon.Engine(innerEngine());
        private final ReentrantLock lock = new ReentrantLock();
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final int cut = Integer.parseInt(options.getOrDefault("cut", "" + AtlsPeerCommon.BODY_LIMIT));
        private boolean renegotiate = options.containsKey("renegotiate");
        private Path toSend = options.containsKey("send") ? Path.of(options.get("send")) : null;
        private boolean dead;
        private boolean ended;
        private byte[] body = new byte[0];
        private byte[] saved = new byte[0];

        byte[] exchange(byte[] data) throws IOException, Refused {
            if (!lock.tryLock()) {
                violation("two requests of one session outstanding");
                lock.lock();
            }
            try {
                boolean repeated = data.length >= AtlsPeerCommon.REPEATABLE && Arrays.equals(data, body);
                return repeated ? saved : answer(data);
            } finally {
                lock.unlock();
            }
        }

        private byte[] answer(byte[] data) throws IOException, Refused {
            if (dead) {
                throw new Refused(422);
            }
            if (data.length > 0 && engine.peerClosed) {
                violation("TLS bytes after the client's close_notify");
            }
            try {
                engine.feed(data, options.containsKey("send") ? plain -> {} : this::echo);
                if (engine.ready && toSend != null) {
                    engine.write(Files.readAllBytes(toSend));
                    toSend = null;
                }
                if (engine.peerClosed && !ended) {
                    ended = true;
                    engine.close();
                    say("ended");
                }
            } catch (SSLException error) {
                say("failed: " + error.getMessage());
                dead = true; // the alert goes out inside a 200
            }
            out.write(engine.take());
            byte[] all = out.toByteArray();
            out.reset();
            int size = Math.min(all.length, cut);
            out.write(all, size, all.length - size);
            if (data.length > 0) {
                body = data;
                saved = Arrays.copyOf(all, size);
            }
            return Arrays.copyOf(all, size);
        }

        private void echo(byte[] plain) throws IOException {
            engine.write(plain);
            if (renegotiate) {
                renegotiate = false;
                engine.begin();
            }
        }

        private void say(String how) {
            System.err.printf(
                    "session: %s, %s, %d KeyUpdates sent, %d received%n",
                    how,
                    engine.tls.getSession().getProtocol(),
                    engine.keyUpdates,
                    engine.received.seen);
        }
    }

    /** The session that a request names, or a new one. */
    private String token(String given, byte[] data) throws Refused {
        if (given != null) {
            if (!sessions.containsKey(given)) {
                violation("a session never given: " + given);
                throw new Refused(422);
            }
            return given;
        }
        if (data.length == 0 || data[0] != 0x16) {
            violation("without a session, and no ClientHello");
            throw new Refused(422);
        }
        byte[] bits = new byte[16];
        random.nextBytes(bits);
        String token = Base64.getUrlEncoder().withoutPadding().encodeToString(bits);
        sessions.put(token, new Session());
        return token;
    }

    // ---- HTTP ---------------------------------------------------------------------------------

    private void handle(HttpExchange http) throws IOException {
        try (http) {
            byte[] body = http.getRequestBody().readAllBytes();
            http.getResponseHeaders().set("Cache-Control", "no-store, no-transform");
            try {
                byte[] answer = post(http, body);
                http.sendResponseHeaders(200, answer.length == 0 ? -1 : answer.length);
                http.getResponseBody().write(answer);
            } catch (Refused refused) {
                http.sendResponseHeaders(refused.status, -1);
            }
        }
    }

    private byte[] post(HttpExchange http, byte[] body) throws IOException, Refused {
        var headers = http.getRequestHeaders();
        if (!http.getRequestMethod().equals("POST")) {
            violation("method " + http.getRequestMethod());
            throw new Refused(405);
        }
        if (!List.of("identity").equals(headers.get("Accept-Encoding")) || headers.containsKey("Expect")) {
            violation("Accept-Encoding " + headers.get("Accept-Encoding") + ", Expect " + headers.get("Expect"));
        }
        var encoding = AtlsPeerCommon.Encoding.ofType(headers.getFirst("Content-Type"));
        if (encoding == null) {
            violation("Content-Type " + headers.getFirst("Content-Type"));
            throw new Refused(415);
        }
        if (!http.getRequestURI().getPath().equals(encoding.path)) {
            violation("path " + http.getRequestURI());
            throw new Refused(404);
        }
        http.getResponseHeaders().set("Content-Type", encoding.type);
        return encoding == AtlsPeerCommon.Encoding.JSON ? json(body) : binary(http, body);
    }

    private byte[] json(byte[] body) throws IOException, Refused {
        AtlsPeerCommon.Body request;
        try {
            request = AtlsPeerCommon.fromJson(body, true);
        } catch (AtlsPeerCommon.Violation error) {
            violation(error.getMessage());
            throw new Refused(400);
        }
        String token = token(request.session(), request.data());
        return AtlsPeerCommon.toJson(token, sessions.get(token).exchange(request.data()), false);
    }

    private byte[] binary(HttpExchange http, byte[] body) throws IOException, Refused {
        String cookie = null;
        for (String line : http.getRequestHeaders().getOrDefault("Cookie", List.of())) {
            for (String pair : line.split("\\s*;\\s*")) {
                cookie = pair.startsWith("atls=") ? pair.substring("atls=".length()) : cookie;
            }
        }
        String token = token(cookie, body);
        if (cookie == null) {
            http.getResponseHeaders().set("Set-Cookie", "atls=" + token + "; HttpOnly; Path=/; SameSite=Lax");
        }
        return sessions.get(token).exchange(body);
    }

    private int listen(HttpServer server) throws IOException {
        server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 128);
        server.createContext("/", this::handle);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        return server.getAddress().getPort();
    }

    private void serve() throws IOException, GeneralSecurityException {
        String ports = "" + listen(HttpServer.create());
        if (options.containsKey("outer-cert")) {
            SSLContext outer = SSLContext.getInstance("TLS");
            outer.init(
                    AtlsPeerCommon.identity(options.get("outer-cert"), options.get("outer-key")).getKeyManagers(),
                    null,
                    null);
            HttpsServer https = HttpsServer.create();
            https.setHttpsConfigurator(new HttpsConfigurator(outer));
            ports += "\n" + listen(https);
        }
        Files.writeString(Path.of(options.get("port-file")), ports + "\n");
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new TreeMap<>();
        for (int i = 0; i < arguments.length; i++) {
            String name = arguments[i].replaceFirst("^--", "");
            if (name.equals("renegotiate")) {
                options.put(name, "");
            } else if (VALUES.contains(name) && i + 1 < arguments.length) {
                options.put(name, arguments[++i]);
            } else {
                System.err.println("AtlsPeerServer: " + arguments[i] + ": no such option, or without a value\n" + USAGE);
                System.exit(2);
            }
        }
        if (!options.keySet().containsAll(Set.of("cert", "key", "port-file"))) {
            System.err.println(USAGE);
            System.exit(2);
        }
        if (options.containsKey("key-limit")) {
            Security.setProperty("jdk.tls.keyLimits", "AES/GCM/NoPadding KeyUpdate " + options.get("key-limit"));
        }
        System.setProperty("sun.net.httpserver.nodelay", "true");
        new AtlsPeerServer(options).serve();
    }
}
