import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Sends a steady flow by java.net.http.HttpClient, at its defaults but for the authority that it trusts. Arguments: run, url, ca, rate,
 * patience, mended; lines and end are as in python_clients.py.
 */
public class JavaClient {
  static final String BODY = "{\"from\":\"checking\",\"to\":\"savings\",\"amount\":\"25.00\"}";
  static final Map<String, Long> underWay = new ConcurrentHashMap<>(); // id -> due, ns from begin
  static volatile long begin; // by a clock that nobody sets
  static volatile long now; // the same moment, in ms since the epoch

  public static void main(String[] a) throws Exception {
    String run = a[0];
    URI uri = URI.create(a[1]);
    double rate = Double.parseDouble(a[3]);
    double patience = Double.parseDouble(a[4]);
    HttpClient.Builder builder = HttpClient.newBuilder().sslContext(trusting(a[2]));
    if (a[5].equals("true")) builder.version(HttpClient.Version.HTTP_1_1);
    HttpClient client = builder.build();
    var timer = Executors.newSingleThreadScheduledExecutor();
    var count = new AtomicLong();
    begin = System.nanoTime();
    now = System.currentTimeMillis();
    Runnable next =
        () -> {
          long number = count.getAndIncrement();
          // when it is due, not when a busy program gets round to it
          one(client, uri, run, number, (long) (number * 1e9 / rate));
        };
    timer.scheduleAtFixedRate(next, 0, (long) (1e6 / rate), TimeUnit.MICROSECONDS);
    while (System.in.read() >= 0) {}
    timer.shutdown();
    long end = System.nanoTime() + (long) (patience * 1e9);
    while (!underWay.isEmpty() && System.nanoTime() < end) Thread.sleep(50);
    for (String id : underWay.keySet()) tell(id, 0, "", "no answer until the end");
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  static void one(HttpClient client, URI uri, String run, long number, long due) {
    String id = run + "-" + number;
    underWay.put(id, due);
    var request = HttpRequest.newBuilder(uri).header("x-demo-request", id);
    if (number % 2 == 1) {
      request.header("idempotency-key", id).header("content-type", "application/json");
      request.POST(HttpRequest.BodyPublishers.ofString(BODY));
    }
    client
        .sendAsync(request.build(), HttpResponse.BodyHandlers.discarding())
        .whenComplete(
            (answer, problem) -> {
              if (problem != null) tell(id, 0, "", describe(problem));
              else tell(id, answer.statusCode(), answer.headers().firstValue("x-served-by-cluster").orElse(""), "");
            });
  }

  static String describe(Throwable problem) {
    Throwable cause = problem instanceof CompletionException && problem.getCause() != null ? problem.getCause() : problem;
    return cause.getClass().getSimpleName() + ": " + cause.getMessage();
  }

  static synchronized void tell(String id, int status, String cluster, String error) {
    Long due = underWay.remove(id);
    if (due == null) return;
    double seconds = (System.nanoTime() - begin - due) / 1e9;
    System.out.printf(
        java.util.Locale.ROOT,
        "{\"id\":\"%s\",\"due\":%.3f,\"seconds\":%.3f,\"status\":%d,\"cluster\":\"%s\",\"error\":\"%s\"}%n",
        id, now / 1e3 + due / 1e9, seconds, status, cluster, error.replaceAll("[\\\\\"\\p{Cntrl}]", "'"));
    System.out.flush();
  }

  static SSLContext trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    int number = 0;
    try (var stream = new FileInputStream(file)) {
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(stream))
        store.setCertificateEntry("authority-" + number++, each);
    }
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    var context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }
}
