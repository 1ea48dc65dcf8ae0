import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URISyntaxException;
import java.security.GeneralSecurityException;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * An independent ATLS client for tests, on Java's SSLEngine and its HTTP: strict about the server, base carriage
 * only.
 *
 * <p>java AtlsPeerClient URL [OPTION]... [--next URL [OPTION]...]...: one session after the other in one JVM. Exit
 * codes, the first that is not 0 counts: 0 done, 2 usage, 3 HTTP or network failed or --timeout passed, 4 end-to-end
 * TLS failed, 5 the server broke the protocol, 6 a file.
 */
public final class AtlsPeerClient {
    private static final String USAGE =
            """
            usage: AtlsPeerClient URL [OPTION]... [--next URL [OPTION]...]...
              --encoding json|octet-stream|atls   --tls 1.2|1.3       exactly this version
              --suites NAME,...                   --groups NAME,...   of the whole JVM
              --cacert FILE   inner trust anchors (default: Java's)
              --servername NAME   inner name (default: the URL's host)
              --cert FILE, --key FILE   client certificate
              --outer-cacert FILE   verify the outer https with these (default: not at all)
              --expect-secure   the cookie must be Secure
              --in FILE, --out FILE   instead of standard input and output
              --cut N   at most N TLS bytes a body
              --repeat   send each request of 23 bytes or more twice
              --expect-bytes N   after N bytes, and all input, send close_notify first
              --half-close   send close_notify after the input, and read on
              --key-limit N   KeyUpdate after N bytes, of the whole JVM; to be given first
              --renegotiate   ask for it before the data (TLS 1.2)
              --count   print what was spoken to standard error
              --timeout SECONDS""";

    private final Options options;
    private final AtlsPeerCommon.Engine engine;
    private final Carrier carrier;
    private final byte[] data;
    private final OutputStream sink;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int at; // of data, encrypted so far
    private long received;

    private AtlsPeerClient(Options options, byte[] data, OutputStream sink)
            throws IOException, GeneralSecurityException {
        this.options = options;
        this.data = data;
        this.sink = sink;
        this.engine = new AtlsPeerCommon.Engine(innerEngine(options));
        this.carrier = new Carrier(options);
    }

    private static final class Usage extends Exception {
        private static final long serialVersionUID = 1;

        Usage(String what) {
            super(what);
        }
    }

    /** The network or HTTP failed for good. */
    private static final class Failed extends Exception {
        private static final long serialVersionUID = 1;

        Failed(String what) {
            super(what);
        }
    }

    private static final class Options {
        URI url;
        AtlsPeerCommon.Encoding encoding = AtlsPeerCommon.Encoding.ATLS;
        String tls;
        String cacert;
        String servername;
        String cert;
        String key;
        String outerCacert;
        String in;
        String out;
        String[] suites;
        boolean expectSecure;
        boolean repeat;
        boolean halfClose;
        boolean renegotiate;
        boolean count;
        int cut = AtlsPeerCommon.BODY_LIMIT;
        long expectBytes = -1;
        double timeout = 60;

        Options(List<String> arguments) throws Usage {
            for (var left = arguments.iterator(); left.hasNext(); ) {
                String name = left.next();
                if (!flag(name) && !name.startsWith("--")) {
                    setUrl(name);
                } else if (!flag(name)) {
                    if (!left.hasNext()) {
                        throw new Usage(name + " needs a value");
                    }
                    value(name, left.next());
                }
            }
            if (url == null) {
                throw new Usage("a URL is needed");
            }
            servername = servername == null ? url.getHost() : servername;
        }

        private void setUrl(String text) throws Usage {
            try {
                url = new URI(text);
            } catch (URISyntaxException error) {
                throw new Usage("not a URL: " + text);
            }
            if (url.getHost() == null || !Set.of("http", "https").contains(url.getScheme())) {
                throw new Usage("not an http or https URL: " + text);
            }
        }

        private boolean flag(String name) {
            switch (name) {
                case "--expect-secure" -> expectSecure = true;
                case "--repeat" -> repeat = true;
                case "--half-close" -> halfClose = true;
                case "--renegotiate" -> renegotiate = true;
                case "--count" -> count = true;
                default -> {
                    return false;
                }
            }
            return true;
        }

        private void value(String name, String value) throws Usage {
            try {
                switch (name) {
                    case "--encoding" -> encoding = AtlsPeerCommon.Encoding.named(value);
                    case "--tls" -> tls = AtlsPeerCommon.TLS_VERSIONS.get(value);
                    case "--suites" -> suites = value.split(",");
                    case "--groups" -> System.setProperty("jdk.tls.namedGroups", value);
                    case "--cacert" -> cacert = value;
                    case "--servername" -> servername = value;
                    case "--cert" -> cert = value;
                    case "--key" -> key = value;
                    case "--outer-cacert" -> outerCacert = value;
                    case "--in" -> in = value;
                    case "--out" -> out = value;
                    case "--cut" -> cut = Integer.parseInt(value);
                    case "--expect-bytes" -> expectBytes = Long.parseLong(value);
                    case "--timeout" -> timeout = Double.parseDouble(value);
                    case "--key-limit" -> Security.setProperty(
                            "jdk.tls.keyLimits", "AES/GCM/NoPadding KeyUpdate " + Long.parseLong(value));
                    default -> throw new Usage("no such option: " + name);
                }
            } catch (NumberFormatException error) {
                throw new Usage(name + ": not a number: " + value);
            }
            if (encoding == null || (name.equals("--tls") && tls == null) || cut < 1) {
                throw new Usage(name + ": not " + value);
            }
        }
    }

    // ---- HTTP ---------------------------------------------------------------------------------

    /** Nobody is checked: the outer TLS is not what is relied on. */
    private static final class Anybody extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String kind) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String kind) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String kind, java.net.Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String kind, java.net.Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String kind, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String kind, SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    private record Answer(int status, HttpURLConnection from, byte[] body) {}

    /** Bodies over HTTP, one at a time. */
    private static final class Carrier {
        private final Options options;
        private final java.net.URL target;
        private final boolean json;
        private final SSLContext outer;
        private final long deadline;
        private String session;
        private String cookie;
        private boolean opened;
        private int exchanges;

        Carrier(Options options) throws IOException, GeneralSecurityException {
            this.options = options;
            boolean bare = options.url.getPath().isEmpty();
            target = (bare ? options.url.resolve(options.encoding.path) : options.url).toURL();
            json = options.encoding == AtlsPeerCommon.Encoding.JSON;
            deadline = System.nanoTime() + (long) (options.timeout * 1e9);
            outer = SSLContext.getInstance("TLS");
            boolean verified = options.outerCacert != null;
            outer.init(
                    null,
                    verified ? AtlsPeerCommon.anchors(options.outerCacert) : new TrustManager[] {new Anybody()},
                    null);
        }

        int millisLeft() throws Failed {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw new Failed("not done after " + options.timeout + " s");
            }
            return (int) Math.min(left, Integer.MAX_VALUE);
        }

        /** One exchange (two with --repeat): carries TLS bytes, returns TLS bytes. */
        byte[] post(byte[] data) throws Failed, AtlsPeerCommon.Violation, InterruptedException {
            byte[] body = json ? AtlsPeerCommon.toJson(session, data, true) : data;
            boolean opening = !opened;
            String before = cookie;
            byte[] answer = check(send(body, before));
            if (!opening && options.repeat && data.length >= AtlsPeerCommon.REPEATABLE) {
                if (!Arrays.equals(answer, check(send(body, before)))) {
                    throw new AtlsPeerCommon.Violation("a repeated request got another answer");
                }
            }
            return answer;
        }

        /** What may have been lost is repeated byte for byte. */
        private Answer send(byte[] body, String cookie) throws Failed, InterruptedException {
            for (int attempt = 1; ; attempt++) {
                try {
                    exchanges++;
                    return request(body, cookie);
                } catch (IOException error) {
                    if (attempt == 4) {
                        throw new Failed("connection: " + error);
                    }
                    Thread.sleep(Math.min(50 * attempt, millisLeft()));
                }
            }
        }

        private Answer request(byte[] body, String cookie) throws IOException, Failed {
            HttpURLConnection http = (HttpURLConnection) target.openConnection();
            if (http instanceof HttpsURLConnection https) {
                https.setSSLSocketFactory(outer.getSocketFactory());
                if (options.outerCacert == null) {
                    https.setHostnameVerifier((name, tls) -> true);
                }
            }
            http.setInstanceFollowRedirects(false);
            http.setConnectTimeout(millisLeft());
            http.setReadTimeout(millisLeft());
            http.setRequestMethod("POST");
            http.setRequestProperty("Content-Type", options.encoding.type);
            http.setRequestProperty("Accept-Encoding", "identity");
            http.setRequestProperty("Cache-Control", "no-store, no-transform");
            if (cookie != null) {
                http.setRequestProperty("Cookie", "atls=" + cookie);
            }
            http.setDoOutput(true);
            http.setFixedLengthStreamingMode(body.length); // or it would repeat requests on its own
            try (OutputStream stream = http.getOutputStream()) {
                stream.write(body);
            }
            int status = http.getResponseCode();
            try (InputStream stream = status < 400 ? http.getInputStream() : http.getErrorStream()) {
                return new Answer(status, http, stream == null ? new byte[0] : stream.readAllBytes());
            }
        }

        /** Refuses what is not a correct answer; returns its TLS bytes. */
        private byte[] check(Answer answer) throws Failed, AtlsPeerCommon.Violation {
            if (answer.status >= 500 || Set.of(408, 425, 429).contains(answer.status)) {
                throw new Failed("HTTP status " + answer.status);
            }
            if (answer.status != 200) {
                throw new AtlsPeerCommon.Violation("HTTP status " + answer.status);
            }
            String type = answer.from.getContentType();
            if (!options.encoding.type.equals(type) || answer.from.getContentEncoding() != null) {
                throw new AtlsPeerCommon.Violation("Content-Type " + type + ", not plain " + options.encoding.type);
            }
            String control = String.valueOf(answer.from.getHeaderField("Cache-Control"));
            if (!control.contains("no-store") || !control.contains("no-transform")) {
                throw new AtlsPeerCommon.Violation("Cache-Control " + control);
            }
            checkCookie(answer.from.getHeaderFields().getOrDefault("Set-Cookie", List.of()));
            byte[] data = json ? checkSession(AtlsPeerCommon.fromJson(answer.body, false)) : answer.body;
            opened = true;
            return data;
        }

        private byte[] checkSession(AtlsPeerCommon.Body body) throws AtlsPeerCommon.Violation {
            String given = body.session();
            if (session == null && (given == null || !AtlsPeerCommon.TOKEN.matcher(given).matches())) {
                throw new AtlsPeerCommon.Violation("the first answer's session: " + given);
            }
            if (session != null && given != null && !given.equals(session)) {
                throw new AtlsPeerCommon.Violation("the session changed");
            }
            session = session == null ? given : session;
            return body.data();
        }

        private void checkCookie(List<String> lines) throws AtlsPeerCommon.Violation {
            List<String> ours = lines.stream().filter(line -> line.startsWith("atls=")).toList();
            if (ours.size() > 1 || (ours.isEmpty() && !opened && !json)) {
                throw new AtlsPeerCommon.Violation(ours.size() + " cookies in an answer");
            }
            if (ours.isEmpty()) {
                return;
            }
            List<String> parts = new ArrayList<>(Arrays.asList(ours.get(0).split("\\s*;\\s*")));
            String value = parts.remove(0).substring("atls=".length());
            Set<String> missing = new TreeSet<>(List.of("httponly", "path=/", "samesite=lax"));
            if (options.expectSecure) {
                missing.add("secure");
            }
            parts.forEach(part -> missing.remove(part.toLowerCase(Locale.ROOT)));
            if (!missing.isEmpty() || !AtlsPeerCommon.TOKEN.matcher(value).matches()) {
                throw new AtlsPeerCommon.Violation("Set-Cookie with a weak value, or without " + missing);
            }
            if (opened && !value.equals(cookie)) {
                throw new AtlsPeerCommon.Violation("the cookie changed, or came late");
            }
            cookie = value;
        }
    }

    // ---- one session --------------------------------------------------------------------------

    private static SSLEngine innerEngine(Options options) throws IOException, GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                options.cert == null
                        ? null
                        : AtlsPeerCommon.identity(options.cert, options.key == null ? options.cert : options.key)
                                .getKeyManagers(),
                options.cacert == null ? null : AtlsPeerCommon.anchors(options.cacert),
                null);
        SSLEngine tls = context.createSSLEngine(options.servername, 443);
        tls.setUseClientMode(true);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        if (options.tls != null) {
            parameters.setProtocols(new String[] {options.tls});
        }
        if (options.suites != null) {
            parameters.setCipherSuites(options.suites);
        }
        tls.setSSLParameters(parameters);
        return tls;
    }

    private boolean endsFirst() {
        return options.halfClose || (options.expectBytes >= 0 && received >= options.expectBytes);
    }

    /** Puts a flight together: what TLS says, application data, close_notify. */
    private void fill() throws IOException {
        out.write(engine.take());
        if (!engine.ready || engine.closed) {
            return;
        }
        if (options.renegotiate) {
            options.renegotiate = false;
            engine.begin();
            out.write(engine.take());
        }
        while (at < data.length && out.size() < options.cut && !engine.closed) {
            int size = Math.min(16384, data.length - at);
            engine.write(Arrays.copyOfRange(data, at, at + size));
            out.write(engine.take());
            at += size;
        }
        if (engine.peerClosed || (at == data.length && endsFirst())) {
            engine.close();
            out.write(engine.take());
        }
    }

    private void deliver(byte[] plain) throws IOException {
        long room = options.expectBytes < 0 ? plain.length : options.expectBytes - received;
        int size = (int) Math.max(0, Math.min(room, plain.length));
        sink.write(plain, 0, size);
        received += size;
    }

    /** Sends the next piece, or a poll; returns whether anything moved. */
    private boolean exchange() throws IOException, Failed, AtlsPeerCommon.Violation, InterruptedException {
        byte[] all = out.toByteArray();
        byte[] piece = Arrays.copyOf(all, Math.min(all.length, options.cut));
        byte[] answer = carrier.post(piece);
        out.reset();
        out.write(all, piece.length, all.length - piece.length);
        if (answer.length > 0 && engine.peerClosed) {
            throw new AtlsPeerCommon.Violation(answer.length + " bytes after close_notify");
        }
        engine.feed(answer, this::deliver);
        sink.flush();
        return piece.length > 0 || answer.length > 0;
    }

    private void session() throws IOException, Failed, AtlsPeerCommon.Violation, InterruptedException {
        long pause = 0;
        try {
            engine.begin();
            fill();
            while (out.size() > 0 || !engine.closed || !engine.peerClosed) {
                Thread.sleep(out.size() > 0 ? 0 : Math.min(pause, carrier.millisLeft()));
                pause = exchange() ? 0 : Math.min(Math.max(5, pause * 2), 200);
                fill();
            }
        } catch (SSLException error) {
            byte[] alert = engine.take(); // which travels as anything else does
            if (alert.length > 0) {
                try {
                    carrier.post(alert);
                } catch (Failed | AtlsPeerCommon.Violation late) {
                    System.err.println("AtlsPeerClient: the alert was not taken: " + late.getMessage());
                }
            }
            throw error;
        }
        if (received < options.expectBytes) {
            throw new AtlsPeerCommon.Violation("close_notify after " + received + " bytes");
        }
    }

    private String account() {
        return String.format(
                "%s %s %s, %d bytes up, %d down, %d exchanges, %d KeyUpdates sent, %d received",
                options.encoding.label,
                engine.tls.getSession().getProtocol(),
                engine.tls.getSession().getCipherSuite(),
                at,
                received,
                carrier.exchanges,
                engine.keyUpdates,
                engine.received.seen);
    }

    private static void run(Options options) throws Exception {
        byte[] data;
        try (InputStream source = options.in == null ? System.in : new FileInputStream(options.in)) {
            data = source.readAllBytes();
        }
        try (OutputStream sink = options.out == null ? System.out : new FileOutputStream(options.out)) {
            AtlsPeerClient client = new AtlsPeerClient(options, data, sink);
            try {
                client.session();
            } finally {
                if (options.count) {
                    System.err.println("AtlsPeerClient: " + client.account());
                }
            }
        }
    }

    private static int judge(List<String> arguments) {
        try {
            run(new Options(arguments));
            return 0;
        } catch (Usage error) {
            System.err.println("AtlsPeerClient: " + error.getMessage() + "\n" + USAGE);
            return 2;
        } catch (Failed error) {
            System.err.println("AtlsPeerClient: HTTP: " + error.getMessage());
            return 3;
        } catch (SSLException error) {
            System.err.println("AtlsPeerClient: inner TLS: " + error.getMessage());
            return 4;
        } catch (AtlsPeerCommon.Violation error) {
            System.err.println("AtlsPeerClient: protocol: " + error.getMessage());
            return 5;
        } catch (Exception error) {
            System.err.println("AtlsPeerClient: file: " + error);
            return 6;
        }
    }

    public static void main(String[] arguments) {
        int code = 0;
        List<String> one = new ArrayList<>();
        List<List<String>> sessions = new ArrayList<>(List.of(one));
        for (String argument : arguments) {
            if (argument.equals("--next")) {
                one = new ArrayList<>();
                sessions.add(one);
            } else {
                one.add(argument);
            }
        }
        for (List<String> each : sessions) {
            int rc = judge(each);
            code = code == 0 ? rc : code;
        }
        System.exit(code);
    }
}
