"""Channels: each is one method that delivers a notice, or raises `DeliveryError` with its verdict."""
