<?php

// The service provider and the config of the Laravel page in Illuminate's own container and mail manager, and then an
// application that sends a mail for each line of its input and says in JSON what became of it.

declare(strict_types=1);

/** Laravel's own wants phpdotenv, which Debian has not. */
function env(string $name, mixed $default = null): mixed
{
    return getenv($name) === false ? $default : getenv($name);
}

error_reporting(E_ALL & ~E_DEPRECATED); // of Illuminate 8, which is what Debian has

require 'Illuminate/Mail/autoload.php';
require 'Symfony/Component/Mailer/autoload.php';
foreach (['Mailover', 'MailoverTransport', 'MailoverServiceProvider'] as $class) {
    require __DIR__ . "/$class.php";
}

use Illuminate\Container\Container;
use Illuminate\Mail\MailManager;
use Illuminate\Support\Facades\Facade;
use Mailover\MailoverServiceProvider;
use Symfony\Component\Mime\Email;

function storage_path(string $path): string
{
    return __DIR__ . '/' . basename($path);
}

$app = new Container();
$app->singleton('mail.manager', fn () => new MailManager($app));
Facade::setFacadeApplication($app);
(new MailoverServiceProvider($app))->boot();

$config = (require __DIR__ . '/mail.php')['mailers']['mailover'];
$config['stream'] = null;
$config['url'] = getenv('MAILOVER');
$config['accounts'] = array_map(
    fn (array $account): array => $account + ['timeout' => 2, 'stream' => ['ssl' => ['cafile' => getenv('CA_FILE')]]],
    json_decode(getenv('ACCOUNTS'), true),
);
$mailer = $app['mail.manager']->createTransport($config);
while (($subject = fgets(STDIN)) !== false) {
    $email = (new Email())->from('shop@example.com')->to('customer@example.com')->subject(trim($subject));
    try {
        $mailer->send($email->text("Thank you.\n.\nA dot began this line.\n"));
        echo json_encode(['sent' => true]), "\n";
    } catch (\RuntimeException $error) {
        echo json_encode(['error' => (new \ReflectionClass($error))->getShortName(), 'text' => $error->getMessage()]), "\n";
    }
}
