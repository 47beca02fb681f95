"""The store on DynamoDB Local, which is Amazon's own: what it answers decides what the doubles must answer."""

from tests.support.store_contract import StoreContract


class TestDynamoStoreOnDynamoDBLocal(StoreContract):
    """The shipped adapter."""
