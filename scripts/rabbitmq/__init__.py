"""A private RabbitMQ with STOMP: its installation, settings, configuration and processes (see ../broker.py)."""
