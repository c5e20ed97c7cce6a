import { Action, Module, Mutation, VuexModule, getModule } from 'vuex-module-decorators'
import store from '.'
import { login } from '@/api/user'

@Module({ dynamic: true, store, name: 'user', namespaced: true })
class User extends VuexModule {
  public token = ''

  @Mutation
  private SET_TOKEN(token: string) {
    this.token = token
  }

  @Action({ rawError: true })
  public async phoneLogin(code: string) {
    const { token } = await login({ code })
    this.SET_TOKEN(token)
  }
}

export const UserModule = getModule(User)
