<?php

declare(strict_types=1);

namespace Mailover;

use Illuminate\Support\Facades\Mail;
use Illuminate\Support\ServiceProvider;
use Symfony\Component\Mailer\Transport\Smtp\EsmtpTransport;

/** Gives `config/mail.php` the transport `mailover`. */
final class MailoverServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Mail::extend('mailover', function (array $config): MailoverTransport {
            $mailover = new Mailover(
                $config['url'],
                array_keys($config['accounts']),
                memory: $config['memory'],
                token: $config['token'] ?? null,
                stream: $config['stream'] ?? null,
            );

            return new MailoverTransport($mailover, array_map($this->account(...), $config['accounts']));
        });
    }

    /** @param array<string, mixed> $account */
    private function account(array $account): EsmtpTransport
    {
        $transport = new EsmtpTransport($account['host'], $account['port'] ?? 587, ($account['port'] ?? 587) === 465);
        $transport->setUsername($account['username'])->setPassword($account['password']);
        $transport->getStream()->setTimeout($account['timeout'] ?? 10.0)->setStreamOptions($account['stream'] ?? []);

        return $transport;
    }
}
