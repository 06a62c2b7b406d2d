<?php
// postlaunch.php: what this program does, how long it takes and what breaks. Needs no package; PHP 7.4 or newer.
// Load it before anything else, and have POSTLAUNCH_KEY=YOUR_SECRET_KEY in the environment.
final class Postlaunch
{
    public static string $release = '1.0.0';
    public static string $environment = 'production';
    public static ?string $route = null; // where the framework knows it, such as /orders/{id}
    public static $user = null; // the id of who is signed in

    private const URL = 'https://watch.example';
    private const FATAL = [E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR];
    private static string $trace = '';
    private static float $began = 0.0;
    private static array $waiting = [];
    private static ?string $reserve = null;

    public static function start(): void
    {
        self::$began = microtime(true);
        self::$trace = bin2hex(random_bytes(16));
        self::$reserve = str_repeat('x', 65536); // so that there is memory left to say that there was none
        set_error_handler(function (int $number, string $message, string $file, int $line): bool {
            if (error_reporting() & $number) {
                $stack = (new Exception())->getTraceAsString();
                self::error(['type' => 'php_error', 'level' => $number, 'message' => $message, 'file' => $file,
                    'line' => $line, 'stack_trace' => $stack]);
            }
            return false;
        });
        set_exception_handler(function (Throwable $e): void {
            self::exception($e, false);
            throw $e;
        });
        register_shutdown_function([self::class, 'finish']);
    }

    /** A database query, from where your program makes them. */
    public static function query(string $sql, float $milliseconds, int $parameters = 0): void
    {
        self::keep('queries', ['query' => $sql, 'duration_ms' => $milliseconds, 'params_count' => $parameters,
            'endpoint' => self::endpoint(), 'timestamp' => microtime(true) - $milliseconds / 1000]);
    }

    /** A figure of your own. */
    public static function metric(string $name, float $value, array $labels = []): void
    {
        $point = ['name' => $name, 'value' => $value, 'timestamp' => microtime(true)];
        self::keep('points', $point + ($labels ? ['labels' => $labels] : []));
    }

    /** An exception that your program, or its framework, caught itself. */
    public static function exception(Throwable $e, bool $handled = true): void
    {
        self::error(['type' => 'php_exception', 'class' => get_class($e), 'message' => $e->getMessage(),
            'file' => $e->getFile(), 'line' => $e->getLine(), 'trace' => $e->getTraceAsString(), 'handled' => $handled]);
    }

    /** Send what waits; programs that never end call it now and then. */
    public static function flush(): void
    {
        [$waiting, self::$waiting] = [self::$waiting, []];
        foreach (['errors' => 'errors', 'requests' => 'requests', 'queries' => 'queries', 'metrics' => 'points'] as $path => $kind) {
            foreach (array_chunk($waiting[$kind] ?? [], 500) as $items) {
                if (!self::post($path, [$kind => $items])) {
                    return; // it is away: no further call waits for it
                }
            }
        }
    }

    public static function finish(): void
    {
        self::$reserve = null;
        $last = error_get_last();
        $failed = $last && in_array($last['type'], self::FATAL, true);
        if ($failed && strncmp($last['message'], 'Uncaught ', 9) !== 0) { // exceptions were kept by their handler
            self::error(['type' => 'php_error', 'level' => $last['type'], 'message' => $last['message'],
                'file' => $last['file'], 'line' => $last['line']]);
        }
        $status = PHP_SAPI === 'cli' ? [] : ['status_code' => http_response_code() ?: 200];
        self::keep('requests', $status + ['endpoint' => self::endpoint(), 'failed' => $failed ?: null,
            'url' => self::address(), 'method' => $_SERVER['REQUEST_METHOD'] ?? null, 'duration_ms' => (microtime(true) - self::$began) * 1000,
            'timestamp' => self::$began, 'user_id' => self::$user]);
        if (function_exists('fastcgi_finish_request')) {
            fastcgi_finish_request(); // the visitor has the page already
        }
        self::flush();
    }

    private static function error(array $error): void
    {
        $user = self::$user === null ? [] : ['user_id' => self::$user];
        self::keep('errors', $error + $user + ['platform' => 'php', 'url' => self::address(),
            'method' => $_SERVER['REQUEST_METHOD'] ?? null, 'server' => gethostname(), 'timestamp' => microtime(true)]);
    }

    private static function keep(string $kind, array $item): void
    {
        $own = ['trace_id' => self::$trace, 'release' => self::$release, 'environment' => self::$environment];
        if (count(self::$waiting[$kind] ?? []) < 5000) {
            self::$waiting[$kind][] = $kind === 'points' ? $item : $item + $own;
        }
    }

    /** The route, else the address, in which the server finds what names single things. */
    private static function endpoint(): string
    {
        return self::$route ?? self::address() ?? basename($_SERVER['argv'][0] ?? 'php');
    }

    private static function address(): ?string
    {
        return PHP_SAPI === 'cli' ? null : 'http://' . ($_SERVER['HTTP_HOST'] ?? 'localhost') . ($_SERVER['REQUEST_URI'] ?? '/');
    }

    private static function post(string $path, array $body): bool
    {
        $context = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => ['Content-Type: application/json', 'Authorization: Bearer ' . getenv('POSTLAUNCH_KEY')],
            'content' => json_encode($body, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE),
            'timeout' => 2,
            'ignore_errors' => true,
        ]]);
        return @file_get_contents(self::URL . '/api/v1/' . $path . '/', false, $context) !== false;
    }
}
Postlaunch::start();
