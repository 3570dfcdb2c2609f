import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.stream.LongStream;

/** A small REST service on the JDK's own HTTP server: notes in memory, garbage for the collector, work for the JIT and for several threads. */
public final class Service {
    private static final ConcurrentHashMap<String, byte[]> NOTES = new ConcurrentHashMap<>();
    private static final byte[] NOTHING = "{\"error\": \"no such thing\"}".getBytes(StandardCharsets.UTF_8);

    public static void main(String[] args) throws IOException {
        // Without this the server's answers wait for the client's delayed acknowledgement.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        var server = HttpServer.create(new InetSocketAddress(8080), 128);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/hello", exchange -> reply(exchange, 200, "{\"hello\": \"world\"}"));
        server.createContext("/notes/", Service::note);
        server.createContext("/garbage/", exchange -> reply(exchange, 200, garbage(number(exchange))));
        server.createContext("/threads/", exchange -> reply(exchange, 200, threads(number(exchange))));
        server.createContext("/primes/", exchange -> reply(exchange, 200, "{\"primes\": " + primes(number(exchange)) + "}"));
        server.start();
    }

    private static void reply(HttpExchange exchange, int status, String text) throws IOException {
        reply(exchange, status, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void reply(HttpExchange exchange, int status, byte[] body) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        }
    }

    /** The last part of a path. */
    private static int number(HttpExchange exchange) {
        var path = exchange.getRequestURI().getPath();
        return Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
    }

    private static void note(HttpExchange exchange) throws IOException {
        var name = exchange.getRequestURI().getPath().substring("/notes/".length());
        switch (exchange.getRequestMethod()) {
            case "PUT" -> {
                var value = exchange.getRequestBody().readAllBytes();
                var old = NOTES.put(name, value);
                reply(exchange, old == null ? 201 : 200, value);
            }
            case "DELETE" -> reply(exchange, NOTES.remove(name) == null ? 404 : 204, new byte[0]);
            default -> {
                var value = NOTES.get(name);
                reply(exchange, value == null ? 404 : 200, value == null ? NOTHING : value);
            }
        }
    }

    /** Makes blocks of 4 KiB that nobody keeps, and says whether the collector ran. */
    private static String garbage(int blocks) {
        long before = collections();
        long sum = 0;
        for (int i = 0; i < blocks; i++) {
            var block = new byte[4096];
            block[i % 4096] = 1;
            sum += block[i % 4096];
        }
        return "{\"sum\": " + sum + ", \"collected\": " + (collections() > before) + "}";
    }

    private static long collections() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream().mapToLong(bean -> bean.getCollectionCount()).sum();
    }

    /** The sum of 0..n by the pool of threads that parallel streams use, and by one thread of each number beside. */
    private static String threads(int n) {
        long sum = LongStream.range(0, n).parallel().sum();
        var threads = LongStream.range(0, 16).mapToObj(i -> new Thread(() -> primes(100))).toList();
        threads.forEach(Thread::start);
        try {
            for (var thread : threads) {
                thread.join();
            }
        } catch (InterruptedException stopped) {
            return "{\"error\": \"interrupted\"}";
        }
        return "{\"sum\": " + sum + "}";
    }

    /** Hot enough for both compilers. */
    private static int primes(int below) {
        int count = 0;
        for (int n = 2; n < below; n++) {
            boolean prime = true;
            for (int d = 2; d * d <= n; d++) {
                if (n % d == 0) {
                    prime = false;
                    break;
                }
            }
            count += prime ? 1 : 0;
        }
        return count;
    }
}
