<?php

declare(strict_types=1);

namespace Mailover;

use Symfony\Component\Mailer\Envelope;
use Symfony\Component\Mailer\Exception\TransportExceptionInterface;
use Symfony\Component\Mailer\SentMessage;
use Symfony\Component\Mailer\Transport\Smtp\SmtpTransport;
use Symfony\Component\Mailer\Transport\TransportInterface;
use Symfony\Component\Mime\RawMessage;

/** A transport of Symfony Mailer (Laravel 9 and later) through the provider that mailover names, and its fallbacks. */
final class MailoverTransport implements TransportInterface
{
    private const STAGES = [
        'EHLO' => 'ehlo', 'HELO' => 'ehlo', 'STARTTLS' => 'starttls', 'AUTH' => 'auth',
        'MAIL' => 'mail', 'RCPT' => 'rcpt', 'DATA' => 'data', '.' => 'end_data',
    ];

    /** @param array<string, SmtpTransport> $transports by the names that mailover knows */
    public function __construct(private readonly Mailover $mailover, private readonly array $transports)
    {
    }

    public function send(RawMessage $message, ?Envelope $envelope = null): ?SentMessage
    {
        return $this->mailover->deliver(function (string $name) use ($message, $envelope): ?SentMessage {
            $transport = $this->transports[$name];
            try {
                return $transport->send($message, $envelope);
            } catch (TransportExceptionInterface $error) {
                throw self::said($error, $error->getDebug() . $transport->getStream()->getDebug());
            }
        });
    }

    public function __toString(): string
    {
        return 'mailover';
    }

    /** The last command of the dialogue is the stage. Its lines are read and not told: they hold the login. */
    private static function said(TransportExceptionInterface $error, string $dialogue): ProviderException
    {
        preg_match_all('/^> (EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|\.)(?=\s|$)/m', $dialogue, $commands);
        $last = end($commands[1]);
        $stage = $last === false ? (str_contains($dialogue, '< ') ? 'banner' : 'connect') : self::STAGES[$last];
        if (!preg_match('/with message "([45]\d\d)[ -](?:([245]\.\d{1,3}\.\d{1,3})\s)?([^"]*)/', $error->getMessage(), $reply)) {
            $text = $stage === 'auth' ? 'the login failed' : $error->getMessage();

            return new ProviderException($stage, null, null, $text, $error);
        }

        return new ProviderException($stage, (int) $reply[1], $reply[2] ?: null, trim("$reply[2] $reply[3]"), $error);
    }
}
