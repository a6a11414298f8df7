"""The credentials of a source: by name in its description, by value only here."""

from ingestion.source.auth.authentication import SETTING_FIELDS, Auth, Authentication, secrets_of, without_key

__all__ = ["SETTING_FIELDS", "Auth", "Authentication", "secrets_of", "without_key"]
