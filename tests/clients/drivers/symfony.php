<?php

// An application that sends a mail for each line of its input, by Symfony Mailer, and says in JSON what became of it.

declare(strict_types=1);

require 'Symfony/Component/Mailer/autoload.php';
require __DIR__ . '/Mailover.php';
require __DIR__ . '/MailoverTransport.php';

use Mailover\Mailover;
use Mailover\MailoverTransport;
use Symfony\Component\Mailer\Transport\Smtp\EsmtpTransport;
use Symfony\Component\Mime\Email;

$transports = [];
foreach (json_decode(getenv('ACCOUNTS'), true) as $name => $account) {
    $transport = new EsmtpTransport($account['host'], $account['port'], false);
    $transport->setUsername($account['username'])->setPassword($account['password']);
    $transport->getStream()->setTimeout(2)->setStreamOptions(['ssl' => ['cafile' => getenv('CA_FILE')]]);
    $transports[$name] = $transport;
}
$memory = __DIR__ . '/mailover.json';
$mailover = new Mailover(getenv('MAILOVER'), array_keys($transports), $memory, token: getenv('MAILOVER_TOKEN') ?: null);
$mailer = new MailoverTransport($mailover, $transports);
while (($subject = fgets(STDIN)) !== false) {
    $email = (new Email())->from('shop@example.com')->to('customer@example.com')->subject(trim($subject));
    try {
        $mailer->send($email->text("Thank you.\n.\nA dot began this line.\n"));
        echo json_encode(['sent' => true]), "\n";
    } catch (\RuntimeException $error) {
        echo json_encode(['error' => (new \ReflectionClass($error))->getShortName(), 'text' => $error->getMessage()]), "\n";
    }
}
