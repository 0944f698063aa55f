module example.com/mailover

go 1.19
