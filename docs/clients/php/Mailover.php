<?php

declare(strict_types=1);

namespace Mailover;

/** What a provider did, in the words of POST /v1/reports. Throw it from an attempt; any other exception is a defect. */
final class ProviderException extends \RuntimeException
{
    public string $provider = '';

    public function __construct(
        public readonly string $stage,
        public readonly ?int $reply,
        public readonly ?string $enhanced,
        string $text,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($text, 0, $previous);
    }

    /** It had the final dot, and said neither yes nor no: it may have sent the message. */
    public function ambiguous(): bool
    {
        return $this->stage === 'end_data' && $this->reply === null;
    }

    /** No other provider will find this recipient either. */
    public function hopeless(): bool
    {
        return $this->stage === 'rcpt' && str_starts_with((string) $this->enhanced, '5.1.');
    }
}

/** No provider has the message: it may be sent again. */
class NotSentException extends \RuntimeException
{
}

/** mailover wants nothing to be sent now: keep the message and try again later. */
final class HeldException extends NotSentException
{
}

/** The last provider tried may have the message: sending it again may send it twice. */
final class AmbiguousException extends \RuntimeException
{
}

/**
 * Reads the flag of mailover, tries providers in its order and reports what they did. PHP 8.1, ext-curl, ext-mbstring.
 *
 * A PHP process lives for one request, so the last good answer is kept in a file that all of them share, and mailover
 * is asked once in FRESH_SECONDS by one of them. Reports go out when the response has been sent.
 */
final class Mailover
{
    private const FRESH_SECONDS = 2.0;
    private const ANSWER_LIMIT = 262144;

    /** @var list<array<string, mixed>> */
    private array $outcomes = [];

    /**
     * @param list<string> $names your accounts, as mailover calls them; the best first, for when it cannot be asked
     * @param string $memory a file that only the application may write
     * @param float $patience seconds that one message may wait for mailover
     */
    public function __construct(
        private readonly string $url,
        private readonly array $names,
        private readonly string $memory,
        private readonly ?string $token = null,
        private readonly ?string $stream = null,
        private readonly float $patience = 0.3,
    ) {
        register_shutdown_function($this->report(...));
    }

    /**
     * Has the attempt try one provider after the other; what it returned for the one that took the message.
     *
     * @template T
     * @param callable(string): T $attempt
     * @return T
     */
    public function deliver(callable $attempt): mixed
    {
        $flag = $this->flag();
        if ($flag !== null && !$flag['sending'] && microtime(true) < ($flag['valid_until'] ?? 0)) {
            throw new HeldException((string) $flag['because']);
        }
        try {
            return $this->try($this->order($flag), $attempt);
        } finally {
            if (PHP_SAPI === 'cli') { // a worker: there is no end of a request to wait for
                $this->report();
            }
        }
    }

    /**
     * @param list<string> $names
     */
    private function try(array $names, callable $attempt): mixed
    {
        $said = [];
        foreach ($names as $name) {
            try {
                $result = $attempt($name);
                $this->outcomes[] = ['provider' => $name, 'ok' => true];

                return $result;
            } catch (ProviderException $error) {
                $error->provider = $name;
                $said[] = "$name: {$error->getMessage()} ({$error->stage})";
                $this->outcomes[] = array_filter([
                    'provider' => $name,
                    'ok' => false,
                    'stage' => $error->stage,
                    'code' => $error->reply,
                    'enhanced' => $error->enhanced,
                    'text' => mb_strcut(mb_scrub($error->getMessage()), 0, 500),
                ], fn (mixed $part): bool => $part !== null);
                if ($error->ambiguous()) {
                    throw new AmbiguousException('it may have been sent; ' . implode('; ', $said), 0, $error);
                }
                if ($error->hopeless()) {
                    break;
                }
            }
        }
        throw new NotSentException('not sent; ' . implode('; ', $said), 0, $error ?? null);
    }

    /** Hands over what was noted: at the end of a request, in a worker after each message. */
    private function report(): void
    {
        if ($this->outcomes === []) {
            return;
        }
        if (function_exists('fastcgi_finish_request')) {
            fastcgi_finish_request(); // nobody waits for this
        }
        $outcomes = $this->outcomes;
        $this->outcomes = [];
        foreach ($this->names as $name) { // each in a call of its own: an unknown name spoils no other's report
            $ours = array_values(array_filter($outcomes, fn (array $each): bool => $each['provider'] === $name));
            if ($ours !== []) {
                $this->call('/v1/reports', PHP_SAPI === 'cli' ? $this->patience : 2.0, ['reports' => array_slice($ours, 0, 100)]);
            }
        }
    }

    /**
     * As the flag says, the first by its weights, and nobody whom it leaves out.
     *
     * @param array<string, mixed>|null $flag
     * @return list<string>
     */
    private function order(?array $flag): array
    {
        $named = array_values(array_intersect([$flag['provider'] ?? '', ...($flag['fallbacks'] ?? [])], $this->names));
        if ($named === []) {
            return $this->names;
        }
        $dice = mt_rand() / mt_getrandmax();
        foreach ($named as $name) {
            $dice -= $flag['weights'][$name] ?? 0.0;
            if ($dice <= 0) {
                return [$name, ...array_values(array_diff($named, [$name]))];
            }
        }

        return $named;
    }

    /**
     * The last good answer, asked for anew when it is not fresh; null when there never was one.
     *
     * @return array<string, mixed>|null
     */
    private function flag(): ?array
    {
        $now = microtime(true);
        $kept = json_decode((string) @file_get_contents($this->memory), true);
        $flag = is_array($kept['flag'] ?? null) && self::isFlag($kept['flag']) ? $kept['flag'] : null;
        if (abs($now - (float) ($kept['asked_at'] ?? 0)) < self::FRESH_SECONDS) {
            return $flag;
        }
        $this->keep(['asked_at' => $now, 'flag' => $flag]); // so that the others do not ask at the same time
        $path = '/v1/active-provider' . ($this->stream === null ? '' : '/' . rawurlencode($this->stream));
        $fresh = $this->call($path, $this->patience);
        if ($fresh !== null && self::isFlag($fresh)) {
            $flag = ['valid_until' => $now + (isset($fresh['stale']) ? 0 : $fresh['valid_for_seconds'])] + $fresh;
            $this->keep(['asked_at' => $now, 'flag' => $flag]);
        }

        return $flag;
    }

    /** @param array<string, mixed> $what */
    private function keep(array $what): void
    {
        $new = $this->memory . '.' . getmypid();
        if (@file_put_contents($new, json_encode($what)) !== false) {
            @rename($new, $this->memory); // whole or not at all
        }
    }

    /** @param array<mixed> $said */
    private static function isFlag(array $said): bool
    {
        $shares = $said['weights'] ?? null;
        $names = $said['fallbacks'] ?? null;

        return (is_string($said['provider'] ?? null) || array_key_exists('provider', $said) && $said['provider'] === null)
            && is_array($names) && $names === array_filter($names, is_string(...))
            && is_array($shares) && $shares === array_filter($shares, is_numeric(...))
            && is_bool($said['sending'] ?? null)
            && is_string($said['because'] ?? null)
            && is_numeric($said['valid_for_seconds'] ?? null)
            && is_numeric($said['valid_until'] ?? 0);
    }

    /**
     * The answer, with `stale` in it when mailover has stopped deciding; null for anything but a good one in time.
     *
     * @param array<string, mixed>|null $body
     * @return array<string, mixed>|null
     */
    private function call(string $path, float $seconds, ?array $body = null): ?array
    {
        $text = '';
        $stale = [];
        $call = curl_init(rtrim($this->url, '/') . $path);
        curl_setopt_array($call, [
            CURLOPT_TIMEOUT_MS => (int) ($seconds * 1000), // for all of it, however slowly it drips
            CURLOPT_NOSIGNAL => true,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROXY => '',
            CURLOPT_HTTPHEADER => array_merge(
                $this->token === null ? [] : ["Authorization: Bearer $this->token"],
                $body === null ? [] : ['Content-Type: application/json', 'Expect:'],
            ),
            CURLOPT_HEADERFUNCTION => function ($_, string $line) use (&$stale): int {
                if (stripos($line, 'Mailover-Stale:') === 0) {
                    $stale = ['stale' => true];
                }

                return strlen($line);
            },
            CURLOPT_WRITEFUNCTION => function ($_, string $part) use (&$text): int {
                $text .= $part;

                return strlen($text) > self::ANSWER_LIMIT ? 0 : strlen($part);
            },
        ]);
        if ($body !== null) {
            curl_setopt($call, CURLOPT_POSTFIELDS, json_encode($body));
        }
        $whole = curl_exec($call) !== false && curl_getinfo($call, CURLINFO_RESPONSE_CODE) === 200;
        $said = $whole ? json_decode($text, true) : null;

        return is_array($said) ? $stale + $said : null;
    }
}
