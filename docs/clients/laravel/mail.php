<?php

// config/mail.php, the part of it that is new

return [
    'default' => env('MAIL_MAILER', 'mailover'),

    'mailers' => [
        'mailover' => [
            'transport' => 'mailover',
            'url' => env('MAILOVER_URL', 'http://127.0.0.1:8587'),
            'token' => env('MAILOVER_TOKEN'),
            'stream' => 'transactional',
            'memory' => storage_path('framework/mailover.json'),
            'accounts' => [
                'postmark' => [
                    'host' => 'smtp.postmarkapp.com',
                    'username' => env('POSTMARK_USERNAME'),
                    'password' => env('POSTMARK_PASSWORD'),
                ],
                'ses' => [
                    'host' => 'email-smtp.eu-west-1.amazonaws.com',
                    'username' => env('SES_USERNAME'),
                    'password' => env('SES_PASSWORD'),
                ],
            ],
        ],
    ],
];
