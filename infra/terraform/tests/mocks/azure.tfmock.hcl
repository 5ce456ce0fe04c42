mock_data "azurerm_client_config" {
  defaults = {
    subscription_id = "00000000-0000-0000-0000-000000000001"
    tenant_id       = "00000000-0000-0000-0000-0000000000ff"
  }
}

mock_data "azurerm_resources" {
  defaults = {
    resources = []
  }
}
